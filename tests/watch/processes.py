"""`cloak watch` as a process of its own, and what it made."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
PATIENCE = 300.0
STRIP = ("--strip-only", "--settle", "0.4")


class Watcher:
    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log

    def lines(self, word: str) -> list[str]:
        return [line for line in self.log.read_text("utf-8").splitlines() if line.startswith(word)]

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until something is so; fail if the process ends before."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.log.read_text("utf-8")
            assert time.monotonic() < end, self.log.read_text("utf-8")
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def watching(folder: Path, out: Path, *options: str, to: str = "-o") -> Iterator[Watcher]:
    log = out.with_name(f"log-{time.monotonic_ns()}.txt")
    command = [sys.executable, "-u", "-m", "cloak.cli.main", "watch", str(folder), to, str(out), *options]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, text=True)
    try:
        watcher = Watcher(process, log)
        watcher.wait(lambda: watcher.lines("Watching"))
        yield watcher
    finally:
        process.kill()
        process.wait()


def size(path: Path) -> tuple[int, int]:
    """Decode a photo, which fails if it is not whole."""
    with Image.open(path) as image:
        image.load()
        return image.size


def visible(folder: Path) -> set[str]:
    """Files that are results, by their path below the folder; anything half written counts."""
    ours = {".cloak-album.sqlite", ".cloak-album.sqlite-journal", ".cloak-album.lock"}
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name not in ours
    }
