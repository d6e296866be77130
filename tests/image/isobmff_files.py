"""HEIC and AVIF files built from boxes, around pictures that real encoders coded."""

import io
import struct
from dataclasses import dataclass, field, replace
from functools import cache

import pillow_heif
from PIL import Image

from .dirty import SECRET, exif, scene, xmp

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
    """The same picture twice: as it is, and cropped and turned, which is what is shown."""
    crop = struct.pack(">8I", 40, 1, 30, 1, 0, 1, 0, 1)
    properties = [ispe(64, 64), (b"clap", crop, True), (b"irot", b"\1", True), (b"imir", b"\1", True)]
    whole = Item(b"iden", b"", properties, {b"dimg": [2]})
    return [whole, like(coded(container), hidden=True), *about(1)]


def gain_map(container="avif"):
    """A picture with a gain map: the item that joins them is another way to show it."""
    base = coded(container)
    joined = Item(b"tmap", SECRET * 5, [ispe(64, 64)], {b"dimg": [1, 3]})
    return [base, joined, like(coded(container, turn=90), hidden=True, name=b"GMap"), *about(1)]


def animation(container="AVIF", *, alpha=True, count=4, **options):
    """An animated file as its encoder wrote it."""
    frames = [Image.fromarray(scene(48, 32, alpha=alpha)).rotate(90 * index) for index in range(count)]
    buffer = io.BytesIO()
    durations = [100 * (index + 1) for index in range(count)]
    frames[0].save(buffer, container, save_all=True, append_images=frames[1:], duration=durations, speed=10, **options)
    return buffer.getvalue()


def inserted(data, path, *extra, at_end=True):
    """The file with boxes put into the box at `path`, sizes and offsets set right.

    Args:
        data: the file; everything that has offsets must be in front of what is shifted, which is `mdat`.
        path: codes of the boxes from the outermost one.
        extra: boxes.
        at_end: behind the others in there, or before.
    """
    added = b"".join(extra)
    changed = bytearray(data)
    start, stop = 0, len(data)
    for kind in path:
        start = data.index(kind, start, stop) - 4
        size = int.from_bytes(data[start : start + 4], "big")
        stop = start + size
        struct.pack_into(">I", changed, start, size + len(added))
    place = stop if at_end else start + 8
    changed = changed[:place] + added + changed[place:]
    return shifted(bytes(changed), len(added))


def shifted(data, by):
    """The file with all offsets in it moved: `iloc` of version 0 with one extent an item, and `stco`."""
    changed = bytearray(data)
    table = data.find(b"iloc")
    while table >= 0:
        start = table + 12
        for entry in range(start, start + 14 * int.from_bytes(data[start - 2 : start], "big"), 14):
            offset = int.from_bytes(data[entry + 6 : entry + 10], "big")
            struct.pack_into(">I", changed, entry + 6, offset + by)
        table = data.find(b"iloc", start)
    start = data.find(b"stco")
    while start >= 0:
        offset = int.from_bytes(data[start + 12 : start + 16], "big")
        struct.pack_into(">I", changed, start + 12, offset + by)
        start = data.find(b"stco", start + 1)
    return bytes(changed)


def track(item, places, *, number=1, handler=b"pict", chunks=((1,),), times=None, **changes):
    """A `trak` box whose frames are coded as `item` is.

    Args:
        item: whose parameters and size the frames have.
        places: offset and size of each frame.
        number: of the track.
        handler: what it holds.
        chunks: how many frames lie behind each other in the file, for each chunk.
        times: ticks that each frame lasts, in runs: (frames, ticks).
        changes: `entry` and `table` and `head`, `media`: more boxes there; `links`: bytes of a `tref` box; `compact`:
            sizes of 16 bits; `wide`: places of 64 bits; `when`: a date; `name`: of handler and compressor.
    """
    date, name = struct.pack(">I", changes.get("when", 0)), changes.get("name", b"")
    (parameters,) = [(kind, body) for kind, body, _ in item.properties if kind[1:] in {b"vcC", b"v1C"}]
    width, height = next(struct.unpack(">4xII", body) for kind, body, _ in item.properties if kind == b"ispe")
    fixed = struct.pack(">6xH16xHHIIIH32pHh", 1, width, height, 72 << 16, 72 << 16, 0, 1, name, 24, -1)
    entry = box(item.kind, fixed, box(*parameters), full(b"ccst", b"\x7c\0\0\0"), changes.get("entry", b""))
    sizes = [size for _, size in places]
    starts, runs, first = [], b"", 0
    for index, count in enumerate(chunks, 1):
        starts.append(places[first][0])
        runs += struct.pack(">III", index, count, 1)
        first += count
    if changes.get("compact"):
        lengths = full(b"stz2", struct.pack(f">II{len(sizes)}H", 16, len(sizes), *sizes))
    else:
        lengths = full(b"stsz", struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes))
    wide = "Q" if changes.get("wide") else "I"
    table = [
        full(b"stsd", struct.pack(">I", 1), entry),
        full(b"stts", struct.pack(">I", len(times)), *(struct.pack(">II", *run) for run in times)),
        full(b"stsc", struct.pack(">I", len(chunks)), runs),
        lengths,
        full(b"co64" if wide == "Q" else b"stco", struct.pack(f">I{len(starts)}{wide}", len(starts), *starts)),
    ]
    matrix = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    length = sum(count * ticks for count, ticks in times)
    shape = struct.pack(">I4xI8x8x36sII", number, length, matrix, width << 16, height << 16)
    media = [
        full(b"mdhd", date * 2 + struct.pack(">IIHH", 1000, length, 0x55C4, 0)),
        full(b"hdlr", bytes(4) + handler + bytes(12) + name + b"\0"),
        box(
            b"minf",
            full(b"vmhd", bytes(8), flags=1),
            box(b"dinf", full(b"dref", struct.pack(">I", 1), full(b"url ", flags=1))),
            box(b"stbl", *table, changes.get("table", b"")),
        ),
    ]
    links = box(b"tref", changes["links"]) if "links" in changes else b""
    head = full(b"tkhd", date * 2 + shape, flags=1)
    return box(b"trak", head, links, box(b"mdia", *media, changes.get("media", b"")), changes.get("head", b""))


def film(items, *, brands=b"avismsf1miaf", make=None, when=0, extra=b"", gap=b""):
    """A file of one track, or of those that `make` returns for the places of the items in the file."""

    def movie(base):
        places, position = [], base
        for item in items:
            places.append((position, len(item.data)))
            position += len(item.data) + len(gap)
        tracks = make(places) if make else [track(items[0], places, chunks=[len(items)], times=[(len(items), 100)])]
        matrix = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
        length = 100 * len(items)
        header = struct.pack(">IIIIIH10x36s24xI", when, when, 1000, length, 1 << 16, 1 << 8, matrix, len(tracks) + 1)
        return box(b"moov", full(b"mvhd", header), *tracks, extra)

    head = box(b"ftyp", brands[:4], bytes(4), brands)
    base = len(head) + len(movie(0)) + 8
    return head + movie(base) + box(b"mdat", *(item.data + gap for item in items))
