"""HEIC and AVIF: items beside the picture, boxes beside the items, and films.

Source: ISO/IEC 14496-12 and 23008-12; MIAF (23000-22); Google's motion photo format 1.0.
"""

from cloak.image import bmff
from cloak.image.bmff import Box, Meta
from cloak.image.buffers import Buffer
from cloak.image.structure import StructureError
from cloak.inspect import blocks, film, stills
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_PLAIN = frozenset({b"ftyp", b"mdat", b"free", b"skip", b"idat", b"wide"})
_C2PA = "d8fec3d61b0e483c92975828877ec481"
_UUIDS = {"be7acfcb97a942e89c71999491e3afac": "XMP", _C2PA: "content credentials"}
_LARGEST = 1 << 26
_AUXILIARY = (
    (b"depth", "depth map"),
    (b"gainmap", "gain map"),
    (b"disparity", "depth map"),
    (b"matte", "matte of a person"),
)


def read(data: Buffer, notes: Notes) -> None:
    """Say what a HEIC or AVIF says."""
    view = memoryview(data)
    try:
        for box in bmff.boxes(view):
            with notes.reading(f"box {box.kind.decode('latin-1')}"):
                _box(data, box, notes)
    except StructureError as error:
        notes.damaged(f"the file is cut short or damaged ({error})")


def _box(data: Buffer, box: Box, notes: Notes) -> None:
    if box.kind == b"meta":
        meta = bmff.read_meta(box)
        _items(data, meta, notes)
        _properties(meta, notes)
        stills.read(data, meta, notes)
    elif box.kind == b"moov":
        start = box.start
        film.read(memoryview(data)[start : box.end], notes, source="animation")
    elif box.kind == b"mpvd":
        notes.say(Harm.TRAVELS, "motion video", f"{len(box.body):,} bytes", source="box mpvd")
        film.read(box.body, notes)
    elif box.kind == b"uuid":
        name = bytes(box.body[:16]).hex()
        if name == _C2PA:  # version and flags, purpose, offset of a Merkle tree, then the boxes
            content = box.body[20:]
            purpose = bytes(content[:64]).partition(b"\0")[0]
            blocks.read("content credentials", content[len(purpose) + 1 + 8 :], notes)
        elif name in _UUIDS:
            blocks.read(_UUIDS[name], box.body[16:], notes)
        else:
            value = f"{name}, {len(box.body):,} bytes"
            notes.say(Harm.TRAVELS, "data of an application", value, source="box uuid")
    elif box.kind not in _PLAIN:
        name = box.kind.decode("latin-1")
        notes.say(Harm.TRAVELS, f"private box ({name})", f"{len(box.body):,} bytes", source="file")


def _items(data: Buffer, meta: Meta, notes: Notes) -> None:
    """Items that hold text, and the names of all."""
    for number, item in list(meta.items.items())[:2000]:
        if item.name and item.name not in {b"Color", b"Alpha", b"Image", b"XMP", b"Exif", b"Gain Map"}:
            notes.say(Harm.TRAVELS, "name of a part", decoded(item.name), source="item")
        if item.kind == b"tmap":
            notes.say(Harm.TRAVELS, "gain map", source="item")
        if item.kind not in {b"Exif", b"mime", b"uri "}:
            continue
        with notes.reading(f"item {number}"):
            content = stills.content(data, meta, number, _LARGEST)
            if item.kind == b"Exif":  # a length, then that many bytes, then the TIFF header
                blocks.read("EXIF", _exif(content), notes)
            elif item.extra.startswith(b"application/rdf+xml") or b"<x:xmpmeta" in content[:400]:
                blocks.read("XMP", content, notes)
            else:
                kind = decoded(item.extra) or item.kind.decode("latin-1")
                notes.say(Harm.TRAVELS, "data of an application", f"{kind}, {len(content):,} bytes", source="item")


def _exif(content: bytes) -> bytes:
    start = 4 + int.from_bytes(content[:4], "big")
    if content[start : start + 2] in {b"II", b"MM"}:
        return content[start:]
    for mark in (b"II*\0", b"MM\0*"):  # writers disagree about the length
        if (place := content.find(mark, 0, 64)) >= 0:
            return content[place:]
    return content[start:]


def _properties(meta: Meta, notes: Notes) -> None:
    for box in meta.properties[:2000]:
        kind = bytes(box.body[4:200]).split(b"\0")[0].lower()
        if box.kind == b"colr" and bytes(box.body[:4]) in {b"prof", b"rICC"}:
            blocks.read("colour profile", box.body[4:], notes)
        elif box.kind == b"auxC":
            named = next((name for mark, name in _AUXILIARY if mark in kind), "")
            if kind.endswith(b"auxid:2"):
                named = "depth map"
            if named or not (b"alpha" in kind or kind.endswith(b"auxid:1")):
                notes.say(Harm.TRAVELS, named or "auxiliary picture", decoded(kind), source="item")
        elif box.kind == b"udes":
            notes.say(Harm.WHO, "caption", " ".join(decoded(box.body[4:]).split("\0")), source="item")
        elif box.kind in {b"crtt", b"mdft"}:
            seconds = int.from_bytes(box.body[4:12], "big") / 1e6 - 2_082_844_800
            if seconds > 0:
                what = "created" if box.kind == b"crtt" else "changed"
                notes.say(Harm.WHEN, what, film.unix(seconds), source="item")
