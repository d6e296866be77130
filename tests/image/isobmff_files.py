"""HEIC and AVIF files built from boxes, around pictures that real encoders coded."""

import io
import struct
from dataclasses import dataclass, field, replace
from functools import cache

import pillow_heif
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from cloak.errors import PhotoError
from cloak.image.strip.base import Keep, Memory
from cloak.image.strip.isobmff import plan

from .dirty import SECRET, exif, scene, xmp

AVIF = b"avifmif1miaf"
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
DEPTH = b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth"
APPLE_GAIN = b"urn:com:apple:photo:2020:aux:hdrgainmap"
SIGNED = b"\x4e\x01\x05" + bytes([16 + len(SECRET)]) + bytes(16) + SECRET + b"\x80"
"""An HEVC message of the encoder."""
AV1_TEXT = bytes([5 << 3 | 2, 3 + len(SECRET), 4, 0xB5]) + SECRET + b"\x80"
"""An AV1 unit with a message of a registered user (ITU-T T.35)."""
AV1_PADDING = bytes([15 << 3 | 2, len(SECRET)]) + SECRET


def box(kind, *parts, wide=False):
    """A box, with a size of 64 bits where it is to be `wide`."""
    body = b"".join(parts)
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind, *parts, version=0, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


@dataclass
class Item:
    """One item: what it is, its bytes, and (kind, content, essential) of each property."""

    kind: bytes
    data: bytes = b""
    properties: list = field(default_factory=list)
    links: dict = field(default_factory=dict)
    hidden: bool = False
    name: bytes = b""
    about: bytes = b""
    stored: bool = False


def ispe(width, height):
    return (b"ispe", struct.pack(">III", 0, width, height), False)


@cache
def coded(container="heic", width=64, height=64, turn=0):
    """A coded picture as an `Item`, as the encoder of the container wrote it."""
    pixels = Image.fromarray(scene(width, height)).rotate(turn)
    buffer = io.BytesIO()
    if container == "heic":
        pillow_heif.from_pillow(pixels).save(buffer, quality=80, chroma=420, enc_params={"preset": "ultrafast"})
    else:
        pixels.save(buffer, "AVIF", quality=80, speed=10)
    data = buffer.getvalue()
    kinds = (b"hvcC", b"ispe", b"pixi") if container == "heic" else (b"av1C", b"ispe", b"pixi", b"colr")
    properties = [(kind, _find(data, kind), kind[1:] in {b"vcC", b"v1C"}) for kind in kinds]
    return Item(b"hvc1" if container == "heic" else b"av01", data[data.index(b"mdat") + 4 :], properties)


def _find(data, kind):
    start = data.index(kind) - 4
    return data[start + 8 : start + int.from_bytes(data[start : start + 4], "big")]


def like(item, **changes):
    """A copy of an item with changes."""
    return replace(item, **{"properties": list(item.properties), **changes})


def alpha_of(item, number, kind=ALPHA):
    """An auxiliary picture of item `number`."""
    extra = (b"auxC", bytes(4) + kind + b"\0" + SECRET, True)
    return like(item, properties=[*item.properties, extra], links={b"auxl": [number]}, hidden=True)


def meta(items, places, *, primary=1, extra=b"", properties=(), name=b""):
    """A `meta` box; `places` holds (offset, size) pairs of each item."""
    infos, table, owned, links, shared = [], b"", b"", [], []
    for number, item in enumerate(items, 1):
        head = struct.pack(">HH4s", number, 0, item.kind)
        infos.append(full(b"infe", head, item.name, b"\0", item.about, version=2, flags=int(item.hidden)))
        extents = b"".join(struct.pack(">II", *place) for place in places[number - 1])
        table += struct.pack(">HHHH", number, int(item.stored), 0, len(places[number - 1])) + extents
        marks = b""
        for kind, body, essential in item.properties:
            shared.append(box(kind, body))
            marks += bytes([len(shared) | essential << 7])
        owned += struct.pack(">HB", number, len(marks)) + marks
        for kind, targets in item.links.items():
            links.append(box(kind, struct.pack(f">HH{len(targets)}H", number, len(targets), *targets)))
    children = [full(b"hdlr", bytes(4) + b"pict" + bytes(12) + name + b"\0"), full(b"pitm", struct.pack(">H", primary))]
    children.append(full(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)), table, version=1))
    children.append(full(b"iinf", struct.pack(">H", len(items)), *infos))
    shared += [box(kind, body) for kind, body in properties]
    children.append(box(b"iprp", box(b"ipco", *shared), full(b"ipma", struct.pack(">I", len(items)), owned)))
    children += [full(b"iref", *links)] if links else []
    stored = b"".join(item.data for item in items if item.stored)
    children += [box(b"idat", stored)] if stored else []
    return full(b"meta", *children, extra)


def build(items, *, brands=b"heicmif1miaf", gap=b"", parts=1, before=b"", after=b"", wide=False, first=True, **options):
    """A file.

    Args:
        items: what is in it; those that are not `stored` go to `mdat`.
        brands: the main one, and those that it is compatible with.
        gap: bytes before, between and after the items in `mdat`.
        parts: how many extents each item has.
        before: boxes after `ftyp`.
        after: boxes at the end.
        wide: sizes of 64 bits.
        first: `meta` before `mdat`.
        options: of `meta`.
    """
    head = box(b"ftyp", brands[:4], bytes(4), brands) + before
    places, content, stored = [], gap, 0
    for item in items:
        if item.stored:
            places.append([(stored, len(item.data))])
            stored += len(item.data)
            continue
        step = -(-len(item.data) // parts) or 1
        places.append([])
        for start in range(0, len(item.data), step):
            part = item.data[start : start + step]
            places[-1].append((len(content), len(part)))
            content += part + gap
    size = len(meta(items, places, **options))
    base = len(head) + (size if first else 0) + (16 if wide else 8)
    moved = [
        [(offset + (0 if item.stored else base), length) for offset, length in place]
        for item, place in zip(items, places, strict=True)
    ]
    described, data = meta(items, moved, **options), box(b"mdat", content, wide=wide)
    return head + (described + data if first else data + described) + after


def about(number):
    """Items that say something about a picture: EXIF and XMP."""
    return [
        Item(b"Exif", bytes(4) + exif(), links={b"cdsc": [number]}, name=SECRET),
        Item(b"mime", xmp(), links={b"cdsc": [number]}, about=b"application/rdf+xml\0"),
        Item(b"prVt", SECRET),
    ]


def grid(container="heic", *, stored=True, columns=2):
    """A picture of tiles, with everything that phones add to it."""
    tiles = [like(coded(container, turn=90 * index), hidden=True) for index in range(columns)]
    recipe = struct.pack(">BBBBHH", 0, 0, 0, columns - 1, 64 * columns - 2, 62)
    whole = Item(
        b"grid", recipe, [ispe(64 * columns - 2, 62)], {b"dimg": [2 + n for n in range(columns)]}, stored=stored
    )
    small = like(coded(container), links={b"thmb": [1]}, hidden=True)
    depth = alpha_of(coded(container, turn=180), 1, DEPTH)
    return [whole, *tiles, small, depth, *about(1)]


def overlay(container="heic"):
    """Two pictures, one over the other, on a canvas."""
    recipe = struct.pack(">Bx4H2H4h", 0, 0xFFFF, 0, 0, 0xFFFF, 100, 80, 0, 0, 30, 10)
    whole = Item(b"iovl", recipe + SECRET, [ispe(100, 80)], {b"dimg": [2, 3]}, stored=True)
    return [whole, like(coded(container), hidden=True), like(coded(container, turn=90), hidden=True), *about(1)]


def turned(container="heic"):
    """The same picture twice: as it is, and without its last column and row and turned, which is what is shown."""
    crop = struct.pack(">8i", 63, 1, 63, 1, -1, 2, -1, 2)
    properties = [ispe(64, 64), (b"clap", crop, True), (b"irot", b"\1", True), (b"imir", b"\1", True)]
    whole = Item(b"iden", b"", properties, {b"dimg": [2]})
    return [whole, like(coded(container), hidden=True), *about(1)]


def gain_map(container="avif"):
    """A picture with a gain map: the item that joins them is another way to show it."""
    base = coded(container)
    joined = Item(b"tmap", SECRET * 5, [ispe(64, 64)], {b"dimg": [1, 3]})
    return [base, joined, like(coded(container, turn=90), hidden=True, name=b"GMap"), *about(1)]


def refused(data, error=PhotoError, match="."):
    with pytest.raises(error, match=match):
        plan(Memory(data), Keep())
