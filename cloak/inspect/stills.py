"""Pictures that a HEIC or AVIF file holds beside the one that is shown: thumbnails, previews, further photos."""

import struct

from cloak.image import bmff
from cloak.image.bmff import Meta
from cloak.image.buffers import Buffer
from cloak.inspect.finding import Harm, Notes

_CODED = frozenset({b"hvc1", b"av01", b"avc1", b"jpeg"})


def read(data: Buffer | memoryview, meta: Meta, notes: Notes) -> None:
    """Note thumbnails, as files of their own, and further photos."""
    thumbnails = _thumbnails(meta)
    linked = {target for reference in meta.references for target in reference.targets if reference.kind == b"dimg"}
    linked |= thumbnails | {link.source for link in meta.references if link.kind in {b"auxl", b"cdsc"}}
    for number in sorted(thumbnails)[:20]:
        with notes.reading(f"thumbnail {number}"):
            _thumbnail(data, meta, number, notes)
    for number, item in list(meta.items.items())[:2000]:
        if item.kind in _CODED | {b"grid", b"iden", b"iovl"} and number != meta.primary and number not in linked:
            notes.say(Harm.CROPPED, "further picture", _size(meta, number), source="item")


def _thumbnails(meta: Meta) -> set[int]:
    """Smaller copies; some writers link them from the picture, not to it."""
    found: set[int] = set()
    for link in meta.references:
        if link.kind == b"thmb":
            found.update(link.targets if link.source == meta.primary else {link.source})
    return found


def content(data: Buffer | memoryview, meta: Meta, item: int, most: int) -> bytes:
    """The bytes of one item, up to a limit.

    Raises:
        StructureError: they lie outside the file.
    """
    found, size = [], 0
    for start, end in bmff.extents(data, meta, item):  # type: ignore[arg-type]  # only their length is asked for
        found.append(bytes(data[start : min(end, start + most - size)]))
        size += len(found[-1])
    return b"".join(found)


def _size(meta: Meta, item: int) -> str:
    for box in meta.properties_of(item, b"ispe"):
        width, height = struct.unpack(">II", box.body[4:12])
        return f"{width} x {height} pixels"
    return ""


def _thumbnail(data: Buffer | memoryview, meta: Meta, number: int, notes: Notes) -> None:
    kind = meta.items[number].kind
    coded = content(data, meta, number, 1 << 24)
    if kind == b"jpeg":
        notes.picture(coded, "thumbnail", source="item")
    elif kind in _CODED:
        notes.picture(_file(meta, number, coded), "thumbnail", source="item")
    else:
        notes.say(Harm.CROPPED, "thumbnail", _size(meta, number), source="item")


def _file(meta: Meta, number: int, coded: bytes) -> bytes:
    """A HEIC or AVIF file with one item alone in it, which any decoder opens."""
    kind = meta.items[number].kind
    brand = b"avif" if kind == b"av01" else b"heic"
    owned = [meta.properties[index] for index in meta.owned.get(number, ()) if index < len(meta.properties)]
    described = [
        _box(box.kind, bytes(box.body))
        for box in owned
        if box.kind in {b"hvcC", b"av1C", b"avcC", b"ispe", b"pixi", b"irot", b"imir"}
    ]
    places = b"".join(bytes([index + 1]) for index in range(len(described)))
    properties = _box(b"ipco", b"".join(described))
    properties += _box(b"ipma", bytes(4) + struct.pack(">IHB", 1, 1, len(described)) + places)
    head = _box(b"ftyp", brand + bytes(4) + b"mif1" + brand)

    def meta_box(offset: int) -> bytes:
        return _box(
            b"meta",
            bytes(4)
            + _box(b"hdlr", bytes(8) + b"pict" + bytes(13))
            + _box(b"pitm", bytes(4) + struct.pack(">H", 1))
            + _box(b"iloc", bytes(4) + struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, len(coded)))
            + _box(
                b"iinf",
                bytes(4) + struct.pack(">H", 1) + _box(b"infe", b"\2\0\0\0" + struct.pack(">HH4sB", 1, 0, kind, 0)),
            )
            + _box(b"iprp", properties),
        )

    return head + meta_box(len(head) + len(meta_box(0)) + 8) + _box(b"mdat", coded)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body
