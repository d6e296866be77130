"""Which items of a HEIC or AVIF file are the picture, and what they consist of.

The picture is the primary item, what it is made of (tiles, overlaid pictures), and the alpha planes of these. Further
pictures that are not marked as hidden are kept in the same way, like the pages of a TIFF, and that is said: the format
means them to be shown, and some programs do. (What follows the first picture of a JPEG is no part of it, and goes.)

Source: ISO/IEC 23008-12:2022, sections 6.4 to 6.6; ISO/IEC 23000-22:2019, section 7.
"""

import contextlib
import struct
from collections.abc import Iterator, Set
from dataclasses import dataclass

from cloak.errors import UnsupportedPhotoError
from cloak.image.strip import isobmff_canvas, isobmff_hevc
from cloak.image.strip.base import Piece, Source
from cloak.image.strip.isobmff_bits import Cleaned, Units
from cloak.image.strip.isobmff_boxes import Content, Fields, damaged, unsupported
from cloak.image.strip.isobmff_meta import Meta, spans
from cloak.image.strip.isobmff_properties import ALPHA, PARAMETERS, Properties, Property

CODED = {b"hvc1": b"hvcC", b"av01": b"av1C"}
"""Coded pictures, and the property that their decoder needs."""
DERIVED = frozenset({b"grid", b"iovl", b"iden"})
"""Pictures that are made of others: tiles, layers, or another one that is turned or cropped."""
_DEEPEST = 8  # items made of items made of items
_MOST = 65535  # items, so that their numbers fit into two bytes
_LARGEST_RECIPE = 1 << 20  # bytes that say how a picture is made of others


@dataclass(frozen=True, slots=True)
class Picture:
    """One item as it is written.

    Attributes:
        kind: four-character code.
        hidden: not shown by itself.
        coded: its bytes where it is a coded picture.
        recipe: its bytes where it is made of others.
        properties: of it, in order.
    """

    kind: bytes
    hidden: bool
    coded: tuple[Piece, ...]
    recipe: bytes
    properties: list[Property]


def choose(meta: Meta, primary: int) -> list[int]:
    """The items that are kept, in order of their numbers.

    Raises:
        UnreadablePhotoError: items that are made of each other, or of what is not there.
        UnsupportedPhotoError: the primary item is of a kind that is not rewritten.
    """
    kept = _reached(meta, primary, frozenset())
    for number in shown_besides(meta, primary):
        with contextlib.suppress(UnsupportedPhotoError):
            kept |= _reached(meta, number, kept)
    shown = frozenset(kept)  # an alpha plane has none itself
    seen_through: set[int] = set()
    for (kind, number), targets in meta.links.items():
        if kind == b"auxl" and shown.intersection(targets) and is_alpha(meta, number):
            if seen_through.intersection(targets):
                raise unsupported("two alpha planes of one picture, of which programs take different ones")
            seen_through |= shown.intersection(targets)
            kept |= _reached(meta, number, kept)
    if len(kept) > _MOST:
        raise unsupported(f"a picture of {len(kept)} parts")
    return sorted(kept)


def shown_besides(meta: Meta, primary: int) -> list[int]:
    """Pictures other than the primary item that the file means to be shown: no parts, helpers, or hidden ones."""
    apart = {target for (kind, _), targets in meta.links.items() if kind == b"dimg" for target in targets}
    apart |= {number for kind, number in meta.links if kind == b"auxl"} | thumbnails(meta)
    return [
        number
        for number, item in meta.items.items()
        if item.kind in {*CODED, *DERIVED} and not item.hidden and number != primary and number not in apart
    ]


def thumbnails(meta: Meta) -> set[int]:
    """Items that are smaller copies of others; some writers link them from the primary item, not to it."""
    found: set[int] = set()
    for (kind, number), targets in meta.links.items():
        if kind == b"thmb":
            found.update(targets if number == meta.primary else {number})
    return found


def is_alpha(meta: Meta, number: int) -> bool:
    """Whether an item is the alpha plane of another."""
    return number in meta.items and any(body[4:].split(b"\0")[0] in ALPHA for body in meta.owned(number, b"auxC"))


def _reached(meta: Meta, number: int, known: Set[int]) -> set[int]:
    """An item and what it is made of, without what is known already."""
    found: set[int] = set()
    waiting: list[tuple[int, tuple[int, ...]]] = [(number, ())]
    while waiting:
        number, above = waiting.pop()
        if number not in meta.items or number in above or len(above) > _DEEPEST:
            raise damaged(f"item {number} is made of itself, or not there")
        if number in known or number in found:
            continue
        found.add(number)
        kind = meta.items[number].kind
        if kind in DERIVED:
            waiting += [(part, (*above, number)) for part in meta.links.get((b"dimg", number), ())]
        elif kind not in CODED:
            raise unsupported(f"a picture of kind {kind.decode('latin-1')!r}")
    return found


def pictures(source: Source, meta: Meta, kept: list[int], properties: Properties, units: Units) -> Iterator[Picture]:
    """The kept items as they are written.

    Raises:
        UnreadablePhotoError: one is damaged.
        UnsupportedPhotoError: one cannot be rewritten without a change to the picture.
    """
    for number in kept:
        item = meta.items[number]
        owned = [(*meta.properties[index], essential) for index, essential in item.properties]
        content = Content(source, spans(source, meta, number))
        if item.kind in CODED:
            written = properties.rewrite(owned)
            parameters = [body for kind, body, _ in written if kind == CODED[item.kind]]
            if len(parameters) != 1:
                raise damaged(f"{len(parameters)} properties {CODED[item.kind]!r} for item {number}")
            cleaned = units.picture(item.kind, content, parameters[0], still=True)
            written = [(kind, _measured(kind, body, cleaned), essential) for kind, body, essential in written]
            if item.kind == b"hvc1":
                exact = isobmff_hevc.used(parameters[0], cleaned.parameters)
                properties.report.removed |= {PARAMETERS} if len(exact) < len(parameters[0]) else set()
                written = [(kind, exact if kind == b"hvcC" else body, essential) for kind, body, essential in written]
            yield Picture(item.kind, item.hidden, cleaned.pieces(content), b"", written)
        else:
            if content.size > _LARGEST_RECIPE:
                raise damaged(f"a recipe of {content.size} bytes")
            recipe = _recipe(item.kind, content.read(0, content.size), len(meta.links.get((b"dimg", number), ())))
            isobmff_canvas.check(meta, number, recipe, properties.report, reencodes=properties.reencodes)
            yield Picture(item.kind, item.hidden, (), recipe, properties.rewrite(owned))


def _measured(kind: bytes, body: bytes, cleaned: Cleaned) -> bytes:
    """The sizes of the layers of a picture, after what was taken out of it."""
    if kind != b"a1lx":
        return body
    sizes, start = [], 0
    for size in struct.unpack(">3I", body[1:]):
        sizes.append(cleaned.within(start, start + size))
        start += size
    return body[:1] + struct.pack(">3I", *sizes)


def _recipe(kind: bytes, body: bytes, parts: int) -> bytes:
    """The content of a derived item, with nothing behind it."""
    if kind == b"iden":
        if parts != 1:
            raise damaged(f"a picture that is another one, made of {parts}")
        return b""
    if not parts:
        raise damaged(f"a {kind.decode()} of no pictures")
    data = Fields(body, kind.decode())
    version, flags = data.number(1), data.number(1)
    wide = 4 if flags & 1 else 2
    if version:
        raise unsupported(f"a {kind.decode()} of version {version}")
    if kind == b"grid":
        shape = data.take(2)
        if (shape[0] + 1) * (shape[1] + 1) != parts:
            raise damaged(f"a grid of {shape[0] + 1} x {shape[1] + 1} tiles with {parts}")
        return bytes([0, flags & 1]) + shape + data.take(2 * wide)
    return bytes([0, flags & 1]) + data.take(8 + 2 * wide + 2 * wide * parts)
