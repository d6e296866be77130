"""TIFF and BigTIFF files for tests, tag by tag."""

import io
import struct
import zlib

from PIL import Image, TiffImagePlugin

from .dirty import SECRET, jpeg, scene

WIDTH, HEIGHT = 40, 24
SHORT, LONG, RATIONAL, BYTES, LONG8 = 3, 4, 5, 7, 16
_CODES = {SHORT: "H", LONG: "I", RATIONAL: "I", LONG8: "Q"}
RGB = scene(WIDTH, HEIGHT).tobytes()
TEXT_TAGS = dict.fromkeys((269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 51234), (2, SECRET + b"\0"))
STRIP_OFFSETS, STRIP_SIZES = 273, 279


def values(kind, *numbers):
    """A tag's value from numbers; the byte order is put in later."""
    return kind, numbers


def page(**changes):
    """The tags of a page of RGB pixels in one strip."""
    tags = {
        256: values(SHORT, WIDTH), 257: values(SHORT, HEIGHT), 258: values(SHORT, 8, 8, 8),
        259: values(SHORT, 1), 262: values(SHORT, 2), 277: values(SHORT, 3), 278: values(SHORT, HEIGHT),
    }  # fmt: skip
    tags.update({int(name[1:]): value for name, value in changes.items() if value is not None})
    return {tag: value for tag, value in tags.items() if changes.get(f"t{tag}", 0) is not None}


def tiff(*pages, order="<", gap=b"", tail=b"", arrays=(STRIP_OFFSETS, STRIP_SIZES), big=False):
    """A TIFF file. A page is its tags and its strips, and directories by the tag that points at them."""
    heads = {("<", 0): b"II*\0", (">", 0): b"MM\0*", ("<", 1): b"II+\0\x08\0\0\0", (">", 1): b"MM\0+\0\x08\0\0"}
    data = heads[order, big]
    link, place = len(data), LONG8 if big else LONG
    data += packed_number(0, place, order)
    for tags, strips, *subs in pages:
        data += gap
        offsets = []
        for strip in strips:
            data += bytes(len(data) % 2)
            offsets.append(len(data))
            data += strip
        entries = {arrays[0]: values(place, *offsets), arrays[1]: values(place, *map(len, strips)), **tags}
        for tag, sub in (subs[0] if subs else {}).items():
            data += bytes(len(data) % 2)
            entries[tag] = values(place, len(data))
            data = _with_directory(data, sub, order, big=big)[0]
        data += bytes(len(data) % 2)
        start = packed_number(len(data), place, order)
        data, following = _with_directory(data, entries, order, big=big)
        data = data[:link] + start + data[link + len(start) :]
        link = following
    return data + tail


def packed_number(number, kind, order):
    return struct.pack(f"{order}{_CODES[kind]}", number)


def _with_directory(data, tags, order, *, big):
    """The data with a directory behind it, and where that says where the next one is."""
    start, place = len(data), LONG8 if big else LONG
    table, heap = packed_number(len(tags), LONG8 if big else SHORT, order), b""
    inline, entry = (8, 20) if big else (4, 12)
    behind = start + len(table) + entry * len(tags) + inline
    for tag, (kind, given_value) in sorted(tags.items()):
        value, count = given_value, len(given_value) // (2 if kind == RATIONAL else 1)
        if not isinstance(value, bytes):
            value = b"".join(packed_number(number, kind, order) for number in value)
        table += struct.pack(f"{order}HH", tag, kind) + packed_number(count, place, order)
        if len(value) > inline:
            table += packed_number(behind + len(heap), place, order)
            heap += value + bytes(len(value) % 2)
        else:
            table += value.ljust(inline, b"\0")
    return data + table + bytes(inline) + heap, start + len(table)


def pillow(compression=None, mode="RGB", *, pages=1, **options):
    """A TIFF file as a library writes it."""
    pictures = [Image.fromarray(scene(60, 50)).rotate(7 * n).convert(mode) for n in range(pages)]
    more = {"save_all": True, "append_images": pictures[1:]} if pages > 1 else {}
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (270, 305, 315):
        tags[tag] = SECRET.decode()
    tags.update(options)
    buffer = io.BytesIO()
    pictures[0].save(buffer, "TIFF", compression=compression, tiffinfo=tags, **more)
    return buffer.getvalue()


def with_jpeg(*, tables=b"", extra=b"", old=False, **changes):
    """A page whose only strip is a JPEG file, with more segments in it."""
    picture = jpeg(scene(WIDTH, HEIGHT), subsampling="4:4:4")
    strip = picture[:2] + extra + picture[2:]
    more = {"t347": (BYTES, tables)} if tables else {}
    more |= {"t513": values(LONG, 8)} if old else {}
    kind = values(SHORT, 6 if old else 7)
    tags = page(t259=kind, t262=values(SHORT, 6), t530=values(SHORT, 1, 1), **more, **changes)
    return tiff((tags, [strip]))


def lzw_strip():
    data = pillow("tiff_lzw")
    directory = int.from_bytes(data[4:8], "little")
    found = {}
    for start in range(
        directory + 2, directory + 2 + 12 * int.from_bytes(data[directory : directory + 2], "little"), 12
    ):
        tag, kind, count, value = struct.unpack_from("<HHII", data, start)
        found[tag] = value if kind == LONG else value & 0xFFFF
        assert tag != STRIP_OFFSETS or count == 1
    return data[found[STRIP_OFFSETS] : found[STRIP_OFFSETS] + found[STRIP_SIZES]]


def thumbnail():
    return page(t254=values(LONG, 1), t256=values(SHORT, 8), t257=values(SHORT, 6)), [SECRET * 14 + b"1234"]


def packed(strip, compression):
    return {"t259": values(SHORT, compression)}, [strip]


LZW_PAGE = page(t256=values(SHORT, 60), t257=values(SHORT, 50), t278=values(SHORT, 50), t259=values(SHORT, 5))
DEFLATED = page(t259=values(SHORT, 8)), [zlib.compress(RGB)]
PACKED = b"".join(b"\x77" + RGB[start : start + 120] for start in range(0, len(RGB), 120))
DETAILS = {0x9003: (2, b"2026:05:01 12:00:00\0"), 0xA431: (2, SECRET + b"\0")}
PLACE = {1: (2, b"N\0"), 2: values(RATIONAL, 51, 1, 28, 1, 40, 1)}
TILED = page(t322=values(SHORT, 32), t323=values(SHORT, 16), t278=None)
TILES = [bytes((n * 40 + x) % 256 for x in range(32 * 16 * 3)) for n in range(4)]
HALF = {278: values(SHORT, HEIGHT // 2)}
HALVES = [RGB[: len(RGB) // 2], RGB[len(RGB) // 2 :]]
