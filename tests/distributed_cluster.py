"""A Ray cluster of two small workers, which is a program of its own, and may be killed in parts."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloak.image.codec import decode

from .upload.servers.programs import free_port

_MARK = "CLOAK_TEST_CLUSTER"


@dataclass(frozen=True)
class Cluster:
    """A cluster.

    Attributes:
        address: for `--address`.
        logs: folder with all that Ray writes about a run.
        environment: for programs that use it.
        mark: what tells its processes from those of other clusters.
    """

    address: str
    logs: Path
    environment: Mapping[str, str]
    mark: str

    def workers(self) -> list[int]:
        """Return the processes that hold the networks."""
        return [each for each in processes(self.mark) if b"MapWorker" in _read(each, "cmdline")]

    def kill_workers(self) -> int:
        """Kill them as a machine that goes away would; say how many there were."""
        found = self.workers()
        for each in found:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        return len(found)


def processes(mark: str) -> list[int]:
    """Return all processes of a cluster, by what its environment says."""
    wanted = f"{_MARK}={mark}".encode()
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [each for each in numbers if wanted in _read(each, "environ").split(b"\0") and each != os.getpid()]


def _read(process: int, name: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/{name}").read_bytes()
    return b""


@contextmanager
def running(folder: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """Start a cluster, and end every process of it."""
    port, mark = free_port(), folder.name
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment = {**environment, **token}
    theirs = {**os.environ, **environment, "RAY_USAGE_STATS_ENABLED": "0", _MARK: mark}
    # Unix sockets have short names.
    home = Path(f"/tmp/cloak-test-{os.getpid()}-{port}")  # noqa: S108
    command = f"""{Path(sys.executable).with_name("ray")} start --head --block --port={port} --num-cpus=2
        --include-dashboard=false --object-store-memory=100000000 --temp-dir={home}"""
    with (folder / "ray.log").open("wb") as log:
        process = subprocess.Popen(command.split(), stdout=log, stderr=log, env=theirs, start_new_session=True)
    try:
        end = time.monotonic() + 60
        while b"Ray runtime started" not in (folder / "ray.log").read_bytes():
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"Ray did not start: {(folder / 'ray.log').read_text()[-2000:]}")
            time.sleep(0.1)
        # What uses the cluster is not part of it, so it does not get the mark.
        yield Cluster(f"127.0.0.1:{port}", home, environment, mark)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        for each in processes(mark):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def assert_alike(first: dict[str, bytes], second: dict[str, bytes]) -> None:
    """Gradients may differ in their last bit from process to process, and a lossless file shows it in some pixels."""
    assert first.keys() == second.keys()
    for name, data in first.items():
        if data != second[name]:
            change = (decode(data).pixels.int() - decode(second[name]).pixels.int()).abs()
            assert (change.max() <= 2, (change > 0).float().mean() < 0.01) == (True, True), name
