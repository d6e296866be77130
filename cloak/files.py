"""Read originals; write results so that there is either the whole file or none."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from cloak.errors import OutputError, TooLargeError, UnreadablePhotoError, WriteError
from cloak.names import shown


class Sync(Enum):
    """What a write waits for, and so what may be missing after a power cut; a crash of the program harms nothing.

    Attributes:
        ALL: content and name are on the disk.
        CONTENT: the content is: the file may not be there, but is never half a file. For many files at once; call
            `sync_folder` when they are done.
        NOTHING: the file may be there and empty.
    """

    ALL = "all"
    CONTENT = "content"
    NOTHING = "nothing"


def check_regular(path: Path) -> os.stat_result:
    """Look at a file before it is opened.

    Raises:
        UnreadablePhotoError: it is not there or not a regular file: opening a pipe would wait forever.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(error) from error
    if not stat.S_ISREG(status.st_mode):
        raise UnreadablePhotoError("not a regular file")
    return status


def unreadable(error: OSError) -> UnreadablePhotoError:
    """Say why a file cannot be read."""
    return UnreadablePhotoError(f"cannot be read: {_reason(error)}")


def read(path: Path, *, max_bytes: int) -> bytes:
    """Read a whole regular file.

    Raises:
        UnreadablePhotoError: it cannot be opened or is not a regular file.
        TooLargeError: it is longer than `max_bytes`.
    """
    size = check_regular(path).st_size
    if size > max_bytes:
        raise TooLargeError(f"{size:,} bytes, more than {max_bytes:,}: raise --max-pixels to allow it")
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(error) from error


def write(
    path: Path,
    data: bytes | Iterable[bytes],
    *,
    overwrite: bool = False,
    check: Callable[[BinaryIO], None] | None = None,
    modified: int | None = None,
    sync: Sync = Sync.ALL,
    private: bool = False,
) -> None:
    """Write a file, whole or in pieces, which gets its name when it is complete and synced.

    Folders are created as needed. Whatever happens, `path` is the old file or the whole new one, and no temporary
    file stays behind: until it is complete the file has no name, where the system can do that. Elsewhere a
    ``.cloak-*.part`` stays if the program is killed outright.

    Args:
        path: the file.
        data: its content.
        overwrite: replace a file that is there already.
        check: called with the temporary file before it gets its name; what it raises ends the write.
        modified: when the file is to say it was last changed, in nanoseconds since 1970; None for now.
        sync: what to wait for.
        private: nobody but the user may read it.

    Raises:
        WriteError: it exists and may not be overwritten, the disk is full, the folder is not writable.
    """
    refuse_existing(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path.parent, 0o600 if private else 0o666) as (temporary, file):
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            if check:
                check(file)
            if sync is not Sync.NOTHING:
                os.fsync(file.fileno())
            if modified is not None:
                os.utime(file.fileno() if os.utime in os.supports_fd else temporary, ns=(modified, modified))
            _publish(temporary, file, path, overwrite=overwrite)
        if sync is Sync.ALL:
            sync_folder(path.parent)
    except OSError as error:
        raise WriteError(f"cannot write {shown(path)}: {_reason(error)}; nothing was left behind") from error


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Stop early where `write` would refuse.

    Raises:
        WriteError: the file exists and may not be overwritten.
    """
    if not overwrite and os.path.lexists(path):
        raise WriteError(f"{shown(path)} already exists: pass --overwrite to replace it")


def check_folder(folder: Path) -> None:
    """Create the output folder and make sure that it can be written to, before any work is done for it.

    Raises:
        OutputError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _temporary(folder):
            pass
    except OSError as error:
        raise OutputError(f"cannot write to {shown(folder)}: {_reason(error)}: name another folder with -o") from error


@contextlib.contextmanager
def _temporary(folder: Path, mode: int = 0o666) -> Iterator[tuple[Path, BinaryIO]]:
    """Create a file that nobody else has, with the user's usual permissions at most, and remove what is left of it.

    Yields the file, and the name that it has or may get.
    """
    temporary = folder / f".cloak-{secrets.token_hex(8)}.part"
    descriptor = _unnamed(folder, mode)
    if descriptor is None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(temporary, flags, mode)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield temporary, file
    finally:
        temporary.unlink(missing_ok=True)


def _unnamed(folder: Path, mode: int) -> int | None:
    """Open a file without a name, which is gone with the program; None where the system or file system has none."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode)
    except OSError as error:
        # What is wrong with the folder itself is found, and said, by the usual way.
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return None


def _name(file: BinaryIO, path: Path) -> None:
    """Give a file without a name one, which must be free."""
    # Only with a folder, which does not matter to a whole path, does Python follow the link to the file.
    os.link(f"/proc/self/fd/{file.fileno()}", path, src_dir_fd=file.fileno(), follow_symlinks=True)


def _publish(temporary: Path, file: BinaryIO, path: Path, *, overwrite: bool) -> None:
    """Give a complete file its name."""
    if not temporary.exists():
        if not overwrite or not os.path.lexists(path):
            with contextlib.suppress(*([FileExistsError] if overwrite else [])):
                _name(file, path)
                return
        _name(file, temporary)
    elif os.name == "nt":
        file.close()  # no renaming of open files there
    if overwrite:
        temporary.replace(path)
        return
    try:
        path.hardlink_to(temporary)  # unlike a rename, this fails if somebody was quicker
    except FileExistsError:
        raise
    except OSError:  # file systems without hard links
        refuse_existing(path, overwrite=False)
        temporary.replace(path)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable, where the system can. After a power cut, they may be missing otherwise."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this system allows",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the disk is read-only",
    errno.ELOOP: "a link that leads in a circle",
    errno.ENOENT: "no such file",
    errno.ENAMETOOLONG: "the name is too long",
}


def _reason(error: OSError) -> str:
    return REASONS.get(error.errno or 0) or error.strerror or type(error).__name__
