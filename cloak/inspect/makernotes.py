"""What makers write beside the standard: serial numbers, owners, names of people and places.

A maker note is a directory like those of EXIF, behind a header of the maker's own. Only what tells about people is
named; the rest is told by its size.

Source: the tag tables of ExifTool's documentation, for the numbers of the tags.
"""

import struct
from collections.abc import Iterator

from cloak.inspect import makernote_tags
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.ifd import Tag, directory

_BIG = "big"
_JPEG = b"\xff\xd8\xff"
# Header, maker, where the directory starts, whether its offsets count from the note (else from the EXIF block), and the
# byte order where it is not that of the block.
_HEADERS = (
    (b"OLYMPUS\0II", "Olympus", 12, True, "little"),
    (b"OLYMPUS\0MM", "Olympus", 12, True, _BIG),
    (b"OM SYSTEM\0\0\0II", "Olympus", 16, True, "little"),
    (b"OLYMP\0", "Olympus", 8, False, ""),
    (b"EPSON\0", "Olympus", 8, False, ""),
    (b"FUJIFILM", "Fujifilm", 12, True, "little"),
    (b"GENERALE", "Fujifilm", 12, True, "little"),
    (b"Panasonic\0", "Panasonic", 12, False, ""),
    (b"LEICA\0\0\0", "Leica", 8, False, ""),
    (b"LEICA\0", "Leica", 8, True, ""),
    (b"PENTAX \0II", "Pentax", 10, True, "little"),
    (b"PENTAX \0MM", "Pentax", 10, True, _BIG),
    (b"AOC\0", "Pentax", 6, False, ""),
    (b"SONY", "Sony", 12, False, ""),
    (b"Apple iOS\0", "Apple", 14, True, _BIG),
    (b"SIGMA\0\0\0", "Sigma", 10, False, ""),
    (b"FOVEON\0\0", "Sigma", 10, False, ""),
    (b"Nikon\0\1", "Nikon", 8, False, ""),
    (b"QVC\0", "Casio", 6, False, ""),
    (b"Ricoh\0\0\0", "Ricoh", 8, False, ""),
)
_MAKERS = ("Canon", "Nikon", "Sony", "Olympus", "Pentax", "Samsung", "Minolta", "Casio", "DJI", "Nintendo", "Xiaomi")


def read(block: memoryview, note: Tag, make: str, notes: Notes) -> None:
    """Say what a maker note says.

    Args:
        block: the EXIF block that it lies in.
        note: the tag that holds it.
        make: the maker that EXIF names.
        notes: where to write it down.
    """
    head = bytes(note.value[:16])
    maker = next((name for start, name, *_ in _HEADERS if head.startswith(start)), "")
    if head.startswith(b"Nikon\0\2"):
        maker = "Nikon"
    maker = maker or next((name for name in _MAKERS if make.casefold().startswith(name.casefold())), "")
    size = f"{len(note.value):,} bytes"
    notes.say(Harm.DEVICE, "maker note", f"{maker or make}, {size}" if maker or make else size, source="maker note")
    for tag in _tags(block, note, head):
        if bytes(tag.value[:3]) == _JPEG:
            notes.picture(tag.value, "preview", source="maker note")
        _say(tag, maker, notes)
    if (place := bytes(note.value).find(_JPEG)) >= 0:
        notes.picture(note.value[place:], "preview", source="maker note")
    if maker == "Olympus":
        _equipment(block, note, head, notes)
    if head.startswith(b"RECONYX") or head[:2] in {b"\x01\xf1", b"\x00\xf1"}:
        _reconyx(note.value, notes)


def _tags(block: memoryview, note: Tag, head: bytes) -> Iterator[Tag]:
    if head.startswith(b"Nikon\0\2"):
        inner = note.value[10:]
        little = bytes(inner[:2]) == b"II"
        start = int.from_bytes(inner[4:8], "little" if little else "big")
        yield from directory(inner, start, little=little)
        return
    for header, _, place, inside, order in _HEADERS:
        if head.startswith(header):
            little = order == "little" if order else note.little
            if header == b"AOC\0" and head[4:6] in {b"II", b"MM"}:
                little = head[4:6] == b"II"
            yield from directory(*(note.value, place) if inside else (block, note.offset + place), little=little)
            return
    found = list(directory(block, note.offset, little=note.little))
    yield from found or directory(block, note.offset, little=not note.little)


def _say(tag: Tag, maker: str, notes: Notes) -> None:
    meaning = makernote_tags.MEANINGS.get(maker, {}).get(tag.number)
    if meaning is None:
        return
    harm, what = meaning
    value = _printable(tag)
    if maker == "Pentax" and tag.number == 6:
        value = (
            f"{int.from_bytes(tag.value[:2], 'big')}-{tag.value[2]:02}-{tag.value[3]:02}" if len(tag.value) >= 4 else ""
        )
    if maker == "Nintendo":
        value = bytes(tag.value[0x18:0x1C]).hex()
    if value.strip("0 -:\xff"):
        notes.say(harm, what, value, source="maker note")


def _printable(tag: Tag) -> str:
    """Text where it is text, numbers in words, and hexadecimal digits for bytes that are neither."""
    if tag.kind in {1, 6, 7}:
        raw = bytes(tag.value[:64]).strip(b"\0")
        text = raw.partition(b"\0")[0]
        return (
            text.decode("ascii").strip()
            if text and text.isascii() and text.decode("ascii").isprintable()
            else raw.hex()
        )
    if tag.kind in {3, 4, 9, 13}:
        return " ".join(f"{number:.0f}" for number in tag.numbers())
    return tag.text()


def _equipment(block: memoryview, note: Tag, head: bytes, notes: Notes) -> None:
    """Olympus keeps the serial numbers of body and lens in a directory below its own."""
    inside = head.startswith((b"OLYMPUS", b"OM SYSTEM"))
    for tag in _tags(block, note, head):
        if tag.number != 0x2010:
            continue
        base = note.value if inside else block
        start = tag.integer() if tag.kind in {4, 13} else tag.offset
        for inner in directory(base, start, little=tag.little):
            if inner.number in makernote_tags.EQUIPMENT and (value := _printable(inner)):
                notes.say(Harm.DEVICE, makernote_tags.EQUIPMENT[inner.number], value, source="maker note")


def _reconyx(value: memoryview, notes: Notes) -> None:
    """Trail cameras keep a date in numbers of two bytes, and a serial number in UTF-16, at fixed places."""
    if serial := bytes(value[42:72]).decode("utf-16-le", "replace").partition("\0")[0].strip():
        notes.say(Harm.DEVICE, "serial number of the camera", serial, source="maker note")
    second, minute, hour, month, day, year = struct.unpack_from("<6H", value, 22)
    date = f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
    notes.say(Harm.WHEN, "taken", date, source="maker note")
