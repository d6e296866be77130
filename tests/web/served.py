"""A real `cloak serve`, as a program of its own, for tests and for the benchmark."""

import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

COMMAND = Path(sysconfig.get_path("scripts")) / ("cloak.exe" if sys.platform == "win32" else "cloak")
_ADDRESS = re.compile(rb"(https?)://([^\s/#]+):(\d+)/")


@dataclass
class Served:
    """A server that runs."""

    process: "subprocess.Popen[bytes]"
    scheme: str
    port: int
    token: str
    log: Path
    said: bytes = b""
    options: tuple[str, ...] = field(default=())

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, **options) -> httpx.Client:
        headers = {**self.bearer, **options.pop("headers", {})}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120, trust_env=False, **options)

    def family(self) -> list[int]:
        """Its processes: itself, decoders, whatever else it started."""
        found, new = set(), {self.process.pid}
        while new:
            found |= new
            new = {int(one) for parent in new for one in _children(parent)} - found
        return sorted(found)

    def memory(self) -> int:
        """Bytes that all its processes have of the machine's memory, shared pages counted once (PSS)."""
        return sum(_pss(one) for one in self.family())

    def raw(self, data: bytes, *, seconds: float = 10) -> bytes:
        """Send bytes as they are, and return what comes back until the server closes or is silent."""
        with socket.create_connection(("127.0.0.1", self.port)) as plain:
            plain.sendall(data)
            return heard(plain, seconds)


def heard(connection: socket.socket, seconds: float) -> bytes:
    """What a server says until it closes, or `seconds` pass without a word."""
    said = b""
    while select.select([connection], [], [], seconds)[0]:
        try:
            piece = connection.recv(65536)
        except ConnectionError:
            break
        if not piece:
            break
        said += piece
    return said


@contextmanager
def served(
    log: Path, *options: str, command: tuple[str, ...] = (str(COMMAND),), **environment: str
) -> Iterator[Served]:
    """Run `cloak serve` with a free port, and yield it when it is ready.

    `command` is what runs in place of `cloak`, such as a tracer with it.
    """
    token = environment.setdefault("CLOAK_SERVE_TOKEN", secrets.token_urlsafe(32))
    arguments = [*command, "serve", "--no-browser", "--port", "0", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            arguments, stdout=output, stderr=output, env={**os.environ, **environment}, start_new_session=True
        )
    try:
        scheme, port, said = _address(process, log)
        server = Served(process, scheme, port, token, log, said, options)
        _ready(server)
        yield server
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a program that leads a session, and whatever it started: a tracer does not take what it traces with it."""
    for what in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, what)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
            return


def _address(process: "subprocess.Popen[bytes]", log: Path) -> tuple[str, int, bytes]:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        said = log.read_bytes()
        if match := _ADDRESS.search(said):
            return match[1].decode(), int(match[3]), said
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"cloak serve did not say where it is: {log.read_text('utf-8', 'replace')}")


def _ready(server: Served) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end and server.process.poll() is None:
        try:
            with httpx.Client(verify=False, trust_env=False) as client:  # noqa: S501 -- only whether it is there
                if client.get(f"{server.url}/healthz").status_code == 200:
                    return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"cloak serve is not ready: {server.log.read_text('utf-8', 'replace')}")


def _children(parent: int) -> list[str]:
    try:
        return [
            one for task in Path(f"/proc/{parent}/task").iterdir() for one in (task / "children").read_text().split()
        ]
    except OSError:
        return []


def _pss(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
