"""Where uploads keep their files: configuration, ledger, and what is on its way; ``CLOAK_HOME`` holds all of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs


def config() -> Path:
    """Return the file with the destinations."""
    return _below(platformdirs.user_config_path("cloak", appauthor=False)) / "config.toml"


def ledger() -> Path:
    """Return the file with the record of uploads."""
    return _below(platformdirs.user_data_path("cloak", appauthor=False)) / "uploads.sqlite"


def spool() -> Path:
    """Return the folder in which each run has one for photos that are about to leave."""
    return _below(platformdirs.user_data_path("cloak", appauthor=False)) / "spool"


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter, and those that it is in; close one that is there and open."""
    for each in reversed((path, *path.parents)):
        if not each.is_dir():
            each.mkdir(mode=0o700, exist_ok=True)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


@contextmanager
def private_files() -> Iterator[None]:
    """See that whatever this process writes meanwhile is for its owner alone, unless it is given to others by name."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _below(usual: Path) -> Path:
    home = os.environ.get("CLOAK_HOME")
    return Path(home).expanduser() if home else usual
