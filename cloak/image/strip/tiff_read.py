"""Read the directories of a TIFF or BigTIFF file of any size, value by value, as leniently as its readers do.

Source: TIFF 6.0, section 2; the BigTIFF design of libtiff.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cloak.errors import UnreadablePhotoError
from cloak.image.strip.base import Source

WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of each data type."""
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 7: "B", 16: "Q", 17: "q", 18: "Q"}
_MOST_POINTERS = 8
_RATIONAL, _SIGNED_RATIONAL, _FLOAT, _DOUBLE = 5, 10, 11, 12


@dataclass(frozen=True, slots=True)
class Form:
    """How the structure itself is written.

    Attributes:
        order: "<" or ">".
        counts: the `struct` code of the number of entries in a directory.
        places: of offsets, and of the number of values.
    """

    order: str
    counts: str = "H"
    places: str = "I"

    @property
    def inline(self) -> int:
        """Bytes of a value that fits into its entry."""
        return struct.calcsize(self.places)

    def number(self, source: Source, offset: int, code: str) -> int:
        """One number of the structure.

        Raises:
            UnreadablePhotoError: it lies outside the file.
        """
        (number,) = struct.unpack(f"{self.order}{code}", source.read(offset, struct.calcsize(code)))
        return int(number)


_FORMS = {
    b"II*\0": Form("<"),
    b"MM\0*": Form(">"),
    b"II+\0\x08\0\0\0": Form("<", "Q", "Q"),
    b"MM\0+\0\x08\0\0": Form(">", "Q", "Q"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A tag's type, how many values it has, and where they are: in the source, even those within the entry itself."""

    kind: int
    count: int
    offset: int


@dataclass(slots=True)
class Directory:
    """One directory, whose values are read when they are asked for.

    Attributes:
        source: the file.
        form: how it is written.
        entries: by tag; of two with one tag, the first.
        offset: where it is.
        following: offset of the next one, 0 for none.
        own: bytes of the directory itself.
    """

    source: Source
    form: Form
    offset: int
    entries: dict[int, Entry] = field(default_factory=dict)
    following: int = 0
    own: int = 0

    @property
    def order(self) -> str:
        """The byte order, "<" or ">"."""
        return self.form.order

    @property
    def end(self) -> int:
        """Offset after the last byte of the directory and its values."""
        own = self.offset + self.own
        return max([own, *(entry.offset + entry.count * WIDTHS.get(entry.kind, 0) for entry in self.entries.values())])

    def has(self, tag: int) -> bool:
        """Whether there is such a tag, and its value lies within the file."""
        entry = self.entries.get(tag)
        return entry is not None and entry.offset + entry.count * WIDTHS.get(entry.kind, 0) <= self.source.size

    def raw(self, tag: int, most: int | None = None) -> bytes:
        """The bytes of a value, `most` of them at most; b"" where there is no such tag.

        Raises:
            UnreadablePhotoError: they lie outside the file.
        """
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        size = entry.count * WIDTHS.get(entry.kind, 0)
        return self.source.read(entry.offset, size if most is None else min(size, most))

    def integers(self, tag: int) -> tuple[int, ...]:
        """The value of a tag whose type is an integer; () where there is no such tag, or it is of another type.

        Raises:
            UnreadablePhotoError: it lies outside the file.
        """
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _CODES:
            return ()
        return struct.unpack(f"{self.order}{entry.count}{_CODES[entry.kind]}", self.raw(tag))

    def integer(self, tag: int, default: int) -> int:
        """The first number of a tag."""
        return (self.integers(tag) or (default,))[0]

    def ratios(self, tag: int) -> tuple[tuple[int, int], ...]:
        """The value of a tag that holds fractions, as (numerator, denominator); those of other types over 1."""
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        if entry.kind in {_RATIONAL, _SIGNED_RATIONAL}:
            code = "I" if entry.kind == _RATIONAL else "i"
            numbers = struct.unpack(f"{self.order}{2 * entry.count}{code}", self.raw(tag))
            return tuple(zip(numbers[::2], numbers[1::2], strict=True))
        if entry.kind in {_FLOAT, _DOUBLE}:
            code = "f" if entry.kind == _FLOAT else "d"
            floats = struct.unpack(f"{self.order}{entry.count}{code}", self.raw(tag))
            return tuple((int(1000 * number), 1000) if 0 < number < 1 << 20 else (0, 1) for number in floats)
        return tuple((number, 1) for number in self.integers(tag))


def directories(source: Source) -> tuple[str, list[Directory]]:
    """The byte order of a TIFF file, and its chain of directories; one that bites its tail ends there.

    Raises:
        UnreadablePhotoError: no TIFF header, or a directory lies outside the file.
    """
    head = source.read(0, 8)
    form = _FORMS.get(head[:4]) or _FORMS.get(head)
    if form is None:
        raise damaged(f"it starts with {head.hex(' ')}")
    offset = form.number(source, form.inline, form.places)
    found: list[Directory] = []
    seen: set[int] = set()
    budget = source.size  # directories that overlap would be read again and again
    while offset and offset not in seen:
        seen.add(offset)
        directory = read(source, form, offset)
        budget -= directory.own
        if budget < 0:
            raise damaged("directories that overlap")
        found.append(directory)
        offset = directory.following
    return form.order, found


def read(source: Source, form: Form, offset: int) -> Directory:
    """Read one directory.

    Raises:
        UnreadablePhotoError: it lies outside the file.
    """
    directory = Directory(source, form, offset)
    layout = f"{form.order}HH{form.places}{form.places}"
    size, start = struct.calcsize(layout), offset + struct.calcsize(form.counts)
    end = start + size * form.number(source, offset, form.counts)
    for number, (tag, kind, values, place) in enumerate(struct.iter_unpack(layout, source.read(start, end - start))):
        if values * WIDTHS.get(kind, 0) <= form.inline:
            place = start + size * (number + 1) - form.inline  # noqa: PLW2901 -- the value is in the entry itself
        directory.entries.setdefault(tag, Entry(kind, values, place))
    if end + form.inline <= source.size:
        directory.following = form.number(source, end, form.places)
    directory.own = end + form.inline - offset
    return directory


def pointed_at(directory: Directory, tag: int, seen: set[int] | None = None) -> Iterator[Directory]:
    """The directories that a tag points at, as far as they can be read: the first few, without those already seen."""
    seen = set() if seen is None else seen
    try:
        for offset in directory.integers(tag)[:_MOST_POINTERS]:
            if offset in seen:
                continue
            seen.add(offset)
            yield read(directory.source, directory.form, offset)
    except UnreadablePhotoError:
        return


def damaged(what: str) -> UnreadablePhotoError:
    """The error of a TIFF file that cannot be followed."""
    return UnreadablePhotoError(f"TIFF: truncated or damaged ({what}): copy it again from its source")


__all__ = ["WIDTHS", "Directory", "Entry", "damaged", "directories", "pointed_at", "read"]
