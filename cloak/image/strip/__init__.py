"""Take everything out of a photo that is not picture.

Two ways: `bare.strip` forgets all but the pixels of a decoded photo, which are then encoded anew; `rewrite` copies the
coded pixels of a file into a new one, untouched, by way of the modules named after containers (`base` has their
interface).
"""

import contextlib
import mmap
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol

from cloak import files
from cloak.container import Container
from cloak.image.scan import scan
from cloak.image.sniff import HEAD, recognise
from cloak.image.strip.base import File, Keep, Memory, Plan, Source

_MODULES = {Container.HEIC: "isobmff", Container.AVIF: "isobmff"}
"""Where the module is not named after the container."""


class _Stripper(Protocol):
    def plan(self, source: Source, keep: Keep) -> Plan: ...


def plan(source: Source, keep: Keep | None = None) -> Plan:
    """Decide what a file without metadata consists of, whatever container it is.

    Args:
        source: the file.
        keep: what may stay beside the picture.

    Raises:
        UnreadablePhotoError: truncated, damaged, or not an image.
        UnsupportedPhotoError: of a kind that is not rewritten.
    """
    container = recognise(source.read(0, min(HEAD, source.size)))
    stripper: _Stripper = import_module(f"{__name__}.{_MODULES.get(container, container)}")
    return stripper.plan(source, keep or Keep())


def strip_bytes(data: bytes, keep: Keep | None = None) -> bytes:
    """Take the metadata out of a file in memory.

    Raises:
        PhotoError: see `rewrite`.
    """
    source = Memory(data)
    written = b"".join(plan(source, keep).blocks(source))
    scan(written)
    return written


def rewrite(
    path: Path,
    target: Path,
    keep: Keep | None = None,
    *,
    overwrite: bool = False,
    modified: int | None = None,
    sync: files.Sync = files.Sync.ALL,
) -> Plan:
    """Write a copy of a photo without its metadata, its coded pixels untouched, whatever its size.

    What was written is read again by the second reader before it gets its name: nothing is there until that agrees.

    Args:
        path: the photo.
        target: the file to write.
        keep: what may stay beside the picture.
        overwrite: replace a file that is there already.
        modified: see `cloak.files.write`.
        sync: see there.

    Returns:
        what was written, and the names of what was left out.

    Raises:
        UnreadablePhotoError: truncated, damaged, or not an image.
        UnsupportedPhotoError: of a kind that is not rewritten.
        ResidueError: the second reader found something that it does not know.
        WriteError: the file could not be written.
    """
    files.refuse_existing(target, overwrite=overwrite)
    with _opened(path) as source:
        planned = plan(source, keep)
        content = planned.blocks(source)
        files.write(target, content, overwrite=overwrite, check=_scan, modified=modified, sync=sync)
    return planned


def preview(path: Path, keep: Keep | None = None) -> Plan:
    """Say what `rewrite` would do, by doing it in a temporary file without a name.

    Raises:
        PhotoError: as `rewrite`.
    """
    import tempfile  # noqa: PLC0415 -- takes longer than a small photo, and nothing else needs it

    with _opened(path) as source, tempfile.TemporaryFile() as file:
        planned = plan(source, keep)
        file.writelines(planned.blocks(source))
        file.flush()
        _scan(file)
    return planned


def _opened(path: Path) -> File:
    files.check_regular(path)
    try:
        return File(path)
    except OSError as error:
        raise files.unreadable(error) from error


def _scan(file: BinaryIO) -> None:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        scan(mapped)
    finally:
        with contextlib.suppress(BufferError):  # an error on its way out still holds parts of it; then it closes later
            mapped.close()


__all__ = ["plan", "preview", "rewrite", "strip_bytes"]
