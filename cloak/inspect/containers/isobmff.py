"""HEIC and AVIF: items beside the picture, boxes beside the items, and films.

Source: ISO/IEC 14496-12 and 23008-12; MIAF (23000-22); Google's motion photo format 1.0.
"""

import contextlib
import zlib

from cloak.image import bmff
from cloak.image.bmff import Box, Meta
from cloak.image.buffers import Buffer
from cloak.image.structure import StructureError
from cloak.inspect import after, blocks, crops, film, messages, samples, stills, unused
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_PLAIN = frozenset({b"ftyp", b"mdat", b"free", b"skip", b"idat", b"wide"})
_C2PA = "d8fec3d61b0e483c92975828877ec481"
_UUIDS = {"be7acfcb97a942e89c71999491e3afac": "XMP", _C2PA: "content credentials"}
_FREE = frozenset({b"free", b"skip", b"wide"})
_PARTS = frozenset({b"Color", b"Alpha", b"Image", b"XMP", b"Exif", b"Gain Map", b"GMap"})
_TEXTS = {b"udes": slice(1, 4), b"altt": slice(0, 1)}
"""Properties that are texts, and which of these are no names of languages."""

_OF_THE_PICTURE = frozenset(
    b"hvcC lhvC av1C avcC vvcC evcC jpgC j2kH uncC cmpd icef ispe pixi colr irot imir iscl clap pasp auxi a1op a1lx "
    b"lsel tols clli mdcv cclv amve rloc rref oinf prdi aebr afbr dobr pano wbbr subs free skip".split()
)
"""Properties that say how pixels are coded or shown."""

_LARGEST = 1 << 26
_MOST_ITEMS = 10_000
_MOST_STORES = 20
_AUXILIARY = (
    (b"depth", "depth map"),
    (b"gainmap", "gain map"),
    (b"disparity", "depth map"),
    (b"matte", "matte of a person"),
)


def read(data: Buffer, notes: Notes) -> None:
    """Say what a HEIC or AVIF says."""
    view = memoryview(data)
    found: list[Box] = []
    end = 0
    try:
        for box in bmff.own_boxes(view):
            found.append(box)
            end = box.end
            with notes.reading(f"box {box.kind.decode('latin-1')}"):
                _box(data, box, notes)
        if end < len(data):
            after.read(data, end, notes, padding=False)
    except StructureError as error:
        notes.damaged(f"the file is cut short or damaged ({error})")
    with notes.reading("the places of the items"):
        _unused(data, found, notes)


def _unused(data: Buffer, found: list[Box], notes: Notes) -> None:
    """Say how many bytes neither an item, nor a frame, nor a box uses."""
    count = sum(len(box.body) for box in found if box.kind in _FREE and unused.filled(data, box.offset, box.end))
    stores = [box for box in found if box.kind == b"mdat" and len(box.body)]
    spans = _used(data, found)
    if spans is not None and len(stores) <= _MOST_STORES:
        gaps = (gap for box in stores for gap in unused.gaps(data, box.offset, box.end, spans))
        count += sum(end - start for start, end in gaps)
    unused.tell(count, notes)


def _used(data: Buffer, found: list[Box]) -> list[unused.Span] | None:
    """Where items and frames lie, sorted; None where that is not known of all."""
    movies = [box for box in found if box.kind == b"moov"]
    listed = [bmff.read_meta(box) for box in found if box.kind == b"meta"]
    listed += [bmff.read_meta(box) for movie in movies for box in samples.items(movie)]
    if not (movies or listed) or sum(len(meta.items) for meta in listed) > _MOST_ITEMS:
        return None
    if any(box.kind == b"moof" for box in found):  # frames whose places are told elsewhere
        return None
    spans = [span for movie in movies for span in samples.spans(movie)]
    for meta in listed:
        for number in meta.items:
            with contextlib.suppress(StructureError):
                spans += bmff.extents(data, meta, number)  # type: ignore[arg-type]  # only their length is asked for
    return sorted(spans)


def _box(data: Buffer, box: Box, notes: Notes) -> None:
    if box.kind == b"meta":
        _meta(data, box, notes)
    elif box.kind == b"moov":
        view, source = memoryview(data)[box.start : box.end], "animation"
        film.read(view, notes, source=source, offset=box.start, photo=lambda found: _frames(data, found, notes, source))
    elif box.kind == b"udta":
        film.read(memoryview(data)[box.start : box.end], notes, source="file")
    elif box.kind == b"sefd":
        notes.say(Harm.TRAVELS, "notes of a Samsung phone", f"{len(box.body):,} bytes", source="box sefd")
        after.samsung(bytes(box.body[:_LARGEST]), 0, notes, source="box sefd")
    elif box.kind == b"mpvd":
        notes.say(Harm.TRAVELS, "motion video", f"{len(box.body):,} bytes", source="box mpvd")
        video(box.body, notes)
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


def _meta(data: Buffer | memoryview, box: Box, notes: Notes) -> None:
    meta = bmff.read_meta(box)
    _items(data, meta, notes)
    _properties(meta, notes)
    crops.read(meta, notes)
    stills.read(data, meta, notes)
    messages.read(data, meta, notes)


def video(data: memoryview, notes: Notes) -> None:
    """Say what a motion video says: its boxes, and the items that it lists, whose places are counted from its start."""
    film.read(data, notes, photo=lambda found: _frames(data, found, notes, "video"))


def _frames(data: Buffer | memoryview, box: Box, notes: Notes, source: str) -> None:
    """What a track says about its pictures: items about them, or how they are shown."""
    if box.kind == b"stsd":
        crops.read_entries(box, notes, source)
    elif bytes(box.body[8:12]) == b"hdlr":  # of items, not QuickTime's
        _meta(data, box, notes)


def _items(data: Buffer | memoryview, meta: Meta, notes: Notes) -> None:
    """Items that hold text, and the names of all."""
    for number, item in list(meta.items.items())[:2000]:
        if item.name and item.name not in _PARTS:
            notes.say(Harm.TRAVELS, "name of a part", decoded(item.name), source="item")
        if item.kind == b"tmap":
            notes.say(Harm.TRAVELS, "gain map", source="item")
        if item.kind not in {b"Exif", b"mime", b"uri "}:
            continue
        with notes.reading(f"item {number}"):
            content = _unpacked(stills.content(data, meta, number, _LARGEST), item.extra, notes)
            if item.kind == b"Exif":  # a length, then that many bytes, then the TIFF header
                blocks.read("EXIF", _exif(content), notes)
            elif item.extra.startswith(b"application/rdf+xml") or b"<x:xmpmeta" in content[:400]:
                blocks.read("XMP", content, notes)
            else:
                kind = decoded(item.extra) or item.kind.decode("latin-1")
                notes.say(Harm.TRAVELS, "data of an application", f"{kind}, {len(content):,} bytes", source="item")


def _unpacked(content: bytes, about: bytes, notes: Notes) -> bytes:
    """An item's content, inflated where that is said behind its type."""
    if about.split(b"\0")[1:2] != [b"deflate"]:
        return content
    notes.spend(len(content))
    content = zlib.decompressobj().decompress(content, _LARGEST)
    notes.spend(len(content))
    return content


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
        if box.kind == b"colr" and bytes(box.body[:4]) in {b"prof", b"rICC"}:
            blocks.read("colour profile", box.body[4:], notes)
        elif box.kind == b"auxC":
            _auxiliary(bytes(box.body[4:200]).split(b"\0")[0].lower(), notes)
        elif box.kind in _TEXTS:
            texts = [decoded(part) for part in bytes(box.body[4 : 1 << 16]).split(b"\0")]
            value = ", ".join(text for text in texts[_TEXTS[box.kind]] if text)
            notes.say(Harm.WHO, "caption", value, source="item")
        elif box.kind in {b"crtt", b"mdft"}:
            seconds = int.from_bytes(box.body[4:12], "big") / 1e6 - 2_082_844_800
            if seconds > 0:
                what = "created" if box.kind == b"crtt" else "changed"
                notes.say(Harm.WHEN, what, film.unix(seconds), source="item")
        elif box.kind in {b"cmin", b"cmex"}:
            notes.say(Harm.DEVICE, "camera settings", "lens and place of the camera", source="item")
        elif box.kind not in _OF_THE_PICTURE:
            name = f"private property ({box.kind.decode('latin-1')})"
            notes.say(Harm.TRAVELS, name, f"{len(box.body):,} bytes", source="item")


def _auxiliary(kind: bytes, notes: Notes) -> None:
    """Say what a picture that goes with another is, unless that is how transparent it is."""
    named = next((name for mark, name in _AUXILIARY if mark in kind), "")
    if kind.endswith(b"auxid:2"):
        named = "depth map"
    if named or not (b"alpha" in kind or kind.endswith(b"auxid:1")):
        notes.say(Harm.TRAVELS, named or "auxiliary picture", decoded(kind), source="item")
