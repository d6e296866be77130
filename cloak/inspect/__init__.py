"""Say what a photo gives away: in people's words, grouped by harm, with the values."""

import contextlib
import mmap
import os
from pathlib import Path

from cloak import files
from cloak.errors import PhotoError, ResidueError, UnsupportedPhotoError
from cloak.image.buffers import Buffer
from cloak.image.sniff import HEAD, recognise
from cloak.inspect import containers, filename, system, unsupported
from cloak.inspect.finding import HEADINGS, Embedded, Finding, Harm, Inspection, Notes


def inspect(path: Path, *, strict: bool = False) -> Inspection:
    """Look through one photo: its blocks of metadata, embedded pictures, name, and what the folder says about it.

    Damaged files are read as far as they can be followed; `Inspection.problem` says how far that was. Faces are not
    looked for (`cloak.inspect.people`).

    Args:
        path: the photo.
        strict: also have the second reader look at it, which knows what a clean file consists of.
    """
    inspection = Inspection(path=path)
    notes = Notes()
    filename.read(path.name, notes)
    try:
        files.check_regular(path)
        system.read(path, notes)
        with path.open("rb") as file:
            _read(file.fileno(), inspection, notes, strict=strict)
    except PhotoError as error:
        inspection.problem = str(error)
    except OSError as error:
        inspection.problem = str(files.unreadable(error))
    inspection.findings = notes.findings()
    inspection.pictures = tuple(notes.pictures)
    if not inspection.problem and notes.problems:
        inspection.problem = "; ".join(notes.problems)
    return inspection


def inspect_bytes(data: Buffer, name: str = "", *, strict: bool = False) -> Inspection:
    """Look through a photo that is in memory; `inspect` says how. Nothing is asked of a file system.

    Args:
        data: content of the file.
        name: what it is called.
        strict: see `inspect`.

    Raises:
        PhotoError: it is no image that is known here.
    """
    inspection = Inspection(path=Path(name))
    notes = Notes()
    filename.read(name, notes)
    _look(data, inspection, notes, strict=strict)
    inspection.findings = notes.findings()
    inspection.pictures = tuple(notes.pictures)
    inspection.problem = "; ".join(notes.problems)
    return inspection


def _read(descriptor: int, inspection: Inspection, notes: Notes, *, strict: bool) -> None:
    if not os.fstat(descriptor).st_size:  # which cannot be mapped
        recognise(b"")
    data = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    try:
        _look(data, inspection, notes, strict=strict)
    finally:
        with contextlib.suppress(BufferError):  # an error on its way out still holds parts of it; then it closes later
            data.close()


def _look(data: Buffer, inspection: Inspection, notes: Notes, *, strict: bool) -> None:
    """Look through the bytes of a file."""
    try:
        inspection.container = recognise(bytes(data[:HEAD]))
    except UnsupportedPhotoError:
        unsupported.read(data, notes)
        raise
    containers.read(inspection.container, data, notes)
    _inside(notes)
    if strict:
        _scan(data, notes)
    if notes.pictures or notes.facts:
        from cloak.inspect import compare  # noqa: PLC0415 -- needs Pillow

        compare.compare(data, inspection.container, notes)


def _inside(notes: Notes) -> None:
    """Read what embedded pictures say themselves; that they are cut short or damaged is no news."""
    from cloak.inspect.containers import jpeg  # noqa: PLC0415 -- only where there are any

    for picture in notes.pictures:  # to which those inside them are added meanwhile
        if picture.data.startswith(b"\xff\xd8\xff"):
            problems, facts = list(notes.problems), dict(notes.facts)
            with notes.reading(f"the {picture.what}"):
                jpeg.read_picture(picture.data, 0, notes)
            notes.problems, notes.facts = problems, facts


def _scan(data: Buffer, notes: Notes) -> None:
    from cloak.image.scan import scan  # noqa: PLC0415 -- only where it is asked for

    try:
        scan(data)
    except ResidueError as error:
        notes.say(Harm.TRAVELS, "not part of a clean file", str(error), source="strict reader")


__all__ = ["HEADINGS", "Embedded", "Finding", "Harm", "Inspection", "inspect", "inspect_bytes"]
