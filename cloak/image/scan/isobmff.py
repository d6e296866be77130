"""What a still HEIC or AVIF file may consist of."""

from cloak.errors import ResidueError
from cloak.image.bmff import Box, Meta, boxes, extents, read_meta
from cloak.image.icc import DISPLAY_P3
from cloak.image.scan import bitstream

_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"mif2", b"miaf", b"avif", b"MA1A", b"MA1B", b"MiHE", b"1pic"})
_META = frozenset({b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp", b"iref", b"idat"})
_HANDLERS = frozenset({b"\0" * 8 + b"pict" + b"\0" * 12 + name + b"\0" for name in (b"", b"libavif")})
_ALPHA = frozenset({b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"})
_NAMES = frozenset({b"", b"Color", b"Alpha"})
_SIZES = {b"ispe": 12, b"irot": 1, b"imir": 1, b"clap": 32, b"pasp": 8}
_PARAMETERS = {b"hvc1": b"hvcC", b"av01": b"av1C"}


def scan(data: bytes) -> None:
    """Check a HEIC or AVIF file: one photo, its tiles and alpha, known properties, and no byte that none of them uses.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its boxes cannot be followed.
    """
    top = list(boxes(memoryview(data)))
    if [box.kind for box in top] != [b"ftyp", b"meta", b"mdat"]:
        kinds = ", ".join(box.kind.decode("latin-1") for box in top)
        raise ResidueError(f"HEIC/AVIF: boxes {kinds} where ftyp, meta, mdat should be")
    brands = bytes(top[0].body)
    listed = [brands[index : index + 4] for index in range(0, len(brands), 4) if index != 4]
    if len(brands) % 4 or brands[4:8] != b"\0\0\0\0" or not set(listed) <= _BRANDS:
        raise ResidueError("HEIC/AVIF: brands that we do not write")
    meta = read_meta(top[1])
    _check_meta(meta, bytes(top[1].body[:4]))
    _check_items(meta)
    for box in meta.properties:
        if not _is_harmless(box):
            raise ResidueError(f"HEIC/AVIF: property {box.kind.decode('latin-1')} at offset {box.start}")
    _check_content(data, meta, top[2])


def _check_meta(meta: Meta, flags: bytes) -> None:
    kinds = [child.kind for child in meta.children]
    if flags != b"\0\0\0\0" or not set(kinds) <= _META or len(set(kinds)) != len(kinds):
        unknown = ", ".join(sorted(kind.decode("latin-1") for kind in set(kinds) - _META))
        raise ResidueError(f"HEIC/AVIF: boxes that should not be there, or twice ({unknown})")
    if not any(child.kind == b"hdlr" and bytes(child.body) in _HANDLERS for child in meta.children):
        raise ResidueError("HEIC/AVIF: a handler that we do not write")


def _check_items(meta: Meta) -> None:
    alphas = set()
    for reference in meta.references:
        if reference.kind == b"auxl" and reference.targets == (meta.primary,):
            alphas.add(reference.source)
        elif reference.kind not in {b"dimg", b"prem"}:
            raise ResidueError(f"HEIC/AVIF: a reference of kind {reference.kind.decode('latin-1')}")
    used = {meta.primary, *alphas}
    for root in (meta.primary, *alphas):
        used.update(meta.tiles(root))
    if used != set(meta.items) or used != set(meta.places):
        raise ResidueError("HEIC/AVIF: items that are not part of the photo")
    for alpha in alphas:
        urns = [bytes(box.body[4:]).rstrip(b"\0") for box in meta.properties_of(alpha, b"auxC")]
        if len(urns) != 1 or urns[0] not in _ALPHA:
            raise ResidueError("HEIC/AVIF: an auxiliary image that is not alpha (depth or gain map)")
    for item_id, item in meta.items.items():
        known = item.kind in {b"hvc1", b"av01", b"grid"} and item.name in _NAMES and not item.extra
        if not known or (item.kind == b"grid") != bool(meta.tiles(item_id)):
            raise ResidueError(f"HEIC/AVIF: item of kind {item.kind.decode('latin-1')}")


def _is_harmless(box: Box) -> bool:
    body = bytes(box.body)
    if box.kind == b"hvcC":
        bitstream.check_hevc_parameters(body)
        return True
    if box.kind == b"av1C":
        bitstream.check_av1_units(body[4:])
        return len(body) >= 4
    if box.kind == b"colr":
        points = body[:4] == b"nclx" and len(body) == 11
        return points or body in {b"prof" + DISPLAY_P3, b"rICC" + DISPLAY_P3}
    if box.kind == b"auxC":
        return body[:4] == b"\0\0\0\0" and body[-1:] == b"\0" and body[4:-1] in _ALPHA
    if box.kind == b"pixi":
        return 5 < len(body) == 5 + body[4] <= 9
    return len(body) == _SIZES.get(box.kind)


def _check_content(data: bytes, meta: Meta, stored: Box) -> None:
    places = {number: extents(data, meta, number) for number in meta.items}
    spans = [span for found in places.values() for span in found]
    if sum(end - start for start, end in spans) > len(data):
        raise ResidueError("HEIC/AVIF: items that lie on top of each other")
    for number, item in meta.items.items():
        content = b"".join(data[start:end] for start, end in places[number])
        if item.kind == b"grid":
            wide = len(content) > 1 and content[1] & 1
            if len(content) != (12 if wide else 8):
                raise ResidueError(f"HEIC/AVIF: a grid of {len(content)} bytes")
            continue
        parameters = meta.properties_of(number, _PARAMETERS[item.kind])
        if len(parameters) != 1:
            raise ResidueError("HEIC/AVIF: an item without its decoder's parameters")
        if item.kind == b"hvc1":
            bitstream.check_hevc_units(content, (parameters[0].body[21] & 3) + 1)
        else:
            bitstream.check_av1_units(content)
    for box in (stored, *(child for child in meta.children if child.kind == b"idat")):
        _check_coverage([span for span in spans if box.offset <= span[0] <= span[1] <= box.end], box)


def _check_coverage(spans: list[tuple[int, int]], box: Box) -> None:
    position = box.offset
    for start, end in sorted(spans):
        if start > position:
            break
        position = max(position, end)
    if position != box.end:
        raise ResidueError(f"HEIC/AVIF: bytes at offset {position} that no item uses")
