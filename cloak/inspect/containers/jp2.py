"""JPEG 2000: boxes with XML, EXIF or IPTC, and comments in the codestream.

Source: ISO/IEC 15444-1, annexes A and I.
"""

from collections.abc import Iterator

from cloak.image.bmff import Box, boxes
from cloak.image.buffers import Buffer
from cloak.image.structure import StructureError
from cloak.inspect import after, blocks
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded, whole

_UUIDS = {
    "be7acfcb97a942e89c71999491e3afac": "XMP",
    "33c7a4d2b81d4723a0baf1a3e097ad38": "IPTC",
}
_EXIF = b"JpgTiffExif->JP2"
_GEO = "b14bf8bd083d4b43a5ae8cd7d5a6ce03"
_PLAIN = frozenset({b"jP  ", b"ftyp", b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef", b"resc", b"resd", b"jp2c", b"rreq"})
_NESTS = frozenset({b"jp2h", b"res ", b"asoc"})
_START, _COMMENT, _TILE = 0xFF4F, 0xFF64, 0xFF90


def read(data: Buffer, notes: Notes) -> None:
    """Say what a JPEG 2000 file says."""
    view = memoryview(data)
    if bytes(view[:2]) == _START.to_bytes(2, "big"):
        _codestream(view, notes)
        return
    end, picture = 0, False
    try:
        for top in boxes(view):
            end, picture = top.end, picture or top.kind == b"jp2c"
            for box in _flat(top.body) if top.kind in _NESTS else (top,):
                with notes.reading(f"box {box.kind.decode('latin-1')}"):
                    _box(box, notes)
    except StructureError as error:
        if picture and end < len(data):  # what follows is no box
            after.read(data, end, notes, padding=False)
        else:
            notes.damaged(f"the JPEG 2000 file is damaged ({error})")


def _flat(data: memoryview, depth: int = 0) -> Iterator[Box]:
    for box in boxes(data):
        if box.kind in _NESTS and depth < 8:
            yield from _flat(box.body, depth + 1)
        else:
            yield box


def _box(box: Box, notes: Notes) -> None:
    if box.kind == b"jp2c":
        _codestream(box.body, notes)
    elif box.kind == b"colr" and box.body and box.body[0] in {2, 3}:
        blocks.read("colour profile", box.body[3:], notes)
    elif box.kind == b"uuid":
        name = bytes(box.body[:16])
        if name == _EXIF:
            blocks.read("EXIF", box.body[16:], notes)
        elif name.hex() in _UUIDS:
            blocks.read(_UUIDS[name.hex()], box.body[16:], notes)
        elif name.hex() == _GEO:
            notes.say(Harm.WHERE, "place on a map (GeoJP2)", f"{len(box.body):,} bytes", source="JPEG 2000")
        else:
            notes.say(
                Harm.TRAVELS, "data of an application", f"{name.hex()}, {len(box.body):,} bytes", source="JPEG 2000"
            )
    elif box.kind == b"xml ":
        text = whole(box.body[: 1 << 20])
        if "<rdf:RDF" in text:
            blocks.read("XMP", box.body, notes)
        else:
            notes.say(Harm.WHO, "text (XML)", text, source="JPEG 2000")
    elif box.kind == b"jumb":
        size = (8 + len(box.body)).to_bytes(4, "big")
        blocks.read("content credentials", size + b"jumb" + bytes(box.body), notes)
    elif box.kind not in _PLAIN and box.kind != b"colr":
        notes.say(
            Harm.TRAVELS, f"private box ({box.kind.decode('latin-1')})", f"{len(box.body):,} bytes", source="JPEG 2000"
        )


def _codestream(data: memoryview, notes: Notes) -> None:
    """Comments in the main header."""
    position = 2
    while position + 4 <= len(data):
        marker, size = (int.from_bytes(data[place : place + 2], "big") for place in (position, position + 2))
        if marker == _TILE or size < 2:
            return
        if marker == _COMMENT and size > 4:
            content = data[position + 6 : position + 2 + size]
            text = decoded(content) if data[position + 5] == 1 else f"{len(content):,} bytes"
            notes.say(Harm.WHO, "comment", text, source="JPEG 2000")
        position += 2 + size
