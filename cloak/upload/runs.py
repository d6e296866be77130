"""Runs: who works on an upload now, and whether that process still lives.

Each run has a random name, a folder in the spool and a lock beside it, which the system lets go when the process ends
however it ends. An upload that is claimed by a run whose lock is free was interrupted.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cloak.upload import places


@dataclass(frozen=True, slots=True)
class Run:
    """This process's run: its name, and a folder of its own, which is removed with it."""

    name: str
    folder: Path


@contextmanager
def running() -> Iterator[Run]:
    """Be a run for a while, and remove what earlier ones that were killed left in the spool."""
    spool = places.private_folder(places.spool())
    sweep()
    while True:
        name = secrets.token_hex(8)
        with FileLock(_lock(name), mode=0o600):
            if not _lock(name).exists():  # somebody swept it away before it was locked
                continue
            folder = spool / name
            folder.mkdir(mode=0o700)
            try:
                yield Run(name, folder)
            finally:
                _remove(name)
            return


def lives(name: str) -> bool:
    """Whether the process of a run is still there."""
    if not _lock(name).exists():
        return False
    try:
        with FileLock(_lock(name), timeout=0):
            return False
    except Timeout:
        return True


def sweep() -> None:
    """Remove the photos and locks of runs that were killed."""
    for lock in places.spool().glob("*.lock"):
        with suppress(Timeout), FileLock(lock, timeout=0):
            _remove(lock.stem)


def _remove(name: str) -> None:
    """Remove a run's folder and, while it is held, its lock."""
    shutil.rmtree(places.spool() / name, ignore_errors=True)
    with suppress(OSError):  # Windows removes no open file
        _lock(name).unlink()


def _lock(name: str) -> Path:
    return places.spool() / f"{name}.lock"
