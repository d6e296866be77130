"""What there is to know of files on an SFTP server: their names, modes, and how they are renamed."""

import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from cloak.upload.destination import Audience

if TYPE_CHECKING:
    import paramiko

_OTHERS = 0o077
"""Permissions of everybody but the owner."""


def part_of(path: str) -> str:
    """Return the name of a file that is not whole yet."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/.cloak-{name}.part"


def mode_of(sftp: "paramiko.SFTPClient", path: str) -> int | None:
    """Return the mode of a file, 0o777 where the server does not tell; None if there is no file."""
    try:
        found = sftp.lstat(path).st_mode
    except FileNotFoundError:
        return None
    return 0o777 if found is None else found


def audience_of(mode: int | None) -> Audience:
    """Return who may read a file of a mode; everybody where the server does not tell it."""
    return Audience.PUBLIC if mode is None or stat.S_IMODE(mode) & _OTHERS else Audience.OWNER


def lost(error: OSError) -> bool:
    """Whether an error is one of the connection, and no answer of the server."""
    return isinstance(error, ConnectionError | TimeoutError | EOFError) or str(error) == "Socket is closed"


def rename(sftp: "paramiko.SFTPClient", old: str, new: str) -> None:
    """Rename a file, in place of what has the new name."""
    try:
        sftp.posix_rename(old, new)
    except FileNotFoundError:
        raise
    except OSError:  # servers without OpenSSH's extension
        with suppress(FileNotFoundError):
            sftp.remove(new)
        sftp.rename(old, new)
