"""Servers that are programs of their own, installed by `.ci/servers` in the folder CLOAK_TEST_SERVERS."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SYSTEM = ("chromium", "nginx", "caddy", "strace")
"""Programs of the system without which tests of the page and its server are left out."""


def program(relative: str) -> str:
    """Return where a program is; skip the test if none are installed, fail it if that one is not."""
    folder = os.environ.get("CLOAK_TEST_SERVERS")
    if not folder:
        pytest.skip("needs servers: run `.ci/servers FOLDER` and set CLOAK_TEST_SERVERS=FOLDER")
    found = shutil.which(Path(folder) / relative)
    if found is None:
        pytest.fail(f"{relative} is not in {folder}: run `.ci/servers {folder}`")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(command: list[str], port: int, log: Path, **environment: str) -> Iterator[str]:
    """Run a server, and yield its address when it listens."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
        try:
            _await(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
