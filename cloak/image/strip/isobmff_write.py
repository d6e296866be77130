"""Write the `meta` box of a HEIC or AVIF file: its items numbered from 1, each with its properties and its place.

Source: ISO/IEC 14496-12:2022, section 8.11; ISO/IEC 23008-12:2022, section 9.3.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from cloak.image.strip.isobmff_boxes import HANDLER, write_box, write_full
from cloak.image.strip.isobmff_items import DERIVED, Picture, is_alpha
from cloak.image.strip.isobmff_meta import Meta


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the bytes of an item are written: in the file, or in the `idat` box."""

    stored: bool
    offset: int
    size: int


def write_meta(
    meta: Meta, primary: int, kept: Sequence[int], written: Sequence[Picture], places: Sequence[Layout]
) -> bytes:
    """The `meta` box, its items numbered from 1.

    Args:
        meta: the original, for its links.
        primary: number of the item that is shown.
        kept: original numbers of the items.
        written: the items.
        places: of each item, or with any numbers in them where only the size matters.
    """
    numbers = {number: index for index, number in enumerate(kept, 1)}
    entries = [
        write_full(b"infe", struct.pack(">HH4sx", index, 0, item.kind), version=2, flags=int(item.hidden))
        for index, item in enumerate(written, 1)
    ]
    ids = struct.pack(">H", numbers[primary])
    children = [HANDLER[b"pict"], write_full(b"pitm", ids), _write_places(places)]
    children.append(write_full(b"iinf", struct.pack(">H", len(entries)), *entries))
    children.append(_write_properties(written))
    links = _write_links(meta, numbers)
    children += [write_full(b"iref", *links)] if links else []
    stored = b"".join(item.recipe for item in written)
    children += [write_box(b"idat", stored)] if stored else []
    return write_full(b"meta", *children)


def _write_places(places: Sequence[Layout]) -> bytes:
    far = 8 if any(place.offset + place.size > 0xFFFFFFFF for place in places) else 4
    table = [struct.pack(">BBH", far << 4 | far, 0, len(places))]
    for index, place in enumerate(places, 1):
        table.append(struct.pack(">HHHH", index, int(place.stored), 0, 1 if place.size else 0))
        if place.size:
            table.append(place.offset.to_bytes(far, "big") + place.size.to_bytes(far, "big"))
    return write_full(b"iloc", *table, version=1)


def _write_properties(written: Sequence[Picture]) -> bytes:
    numbers: dict[tuple[bytes, bytes], int] = {}
    for item in written:
        for kind, body, _ in item.properties:
            numbers.setdefault((kind, body), len(numbers) + 1)
    wide = len(numbers) > 127
    lists = []
    for index, item in enumerate(written, 1):
        marks = [numbers[kind, body] | essential << (15 if wide else 7) for kind, body, essential in item.properties]
        lists.append(struct.pack(f">HB{len(marks)}{'H' if wide else 'B'}", index, len(marks), *marks))
    shared = write_box(b"ipco", *(write_box(kind, body) for kind, body in numbers))
    owned = write_full(b"ipma", struct.pack(">I", len(lists)), *lists, flags=int(wide))
    return write_box(b"iprp", shared, owned)


def _write_links(meta: Meta, numbers: dict[int, int]) -> list[bytes]:
    links = []
    for (kind, number), targets in sorted(meta.links.items()):
        found = [numbers[target] for target in targets if target in numbers]
        if number not in numbers or not found:
            continue
        derived, alpha = meta.items[number].kind in DERIVED, is_alpha(meta, number)
        if kind == b"prem" or (kind == b"dimg" and derived) or (kind == b"auxl" and alpha):
            links.append(write_box(kind, struct.pack(f">HH{len(found)}H", numbers[number], len(found), *found)))
    return links
