"""Films and animated pictures for tests: tracks, their tables, and where boxes are put into them."""

import io
import struct

from PIL import Image

from .dirty import scene
from .isobmff_files import box, coded, full


def pictures(count, container="avif"):
    """Pictures that differ, of the same size."""
    return [coded(container, turn=90 * index) for index in range(count)]


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
