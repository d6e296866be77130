"""Where uploads keep their files: configuration, ledger, and what is on its way; ``CLOAK_HOME`` holds all of it."""

import os
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
    """Make a folder that only its owner may enter, if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _below(usual: Path) -> Path:
    home = os.environ.get("CLOAK_HOME")
    return Path(home).expanduser() if home else usual
