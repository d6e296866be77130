"""What a HEIC or AVIF file may consist of, still or moving."""

from cloak.image.bmff import Box, boxes
from cloak.image.buffers import Buffer
from cloak.image.scan.isobmff_boxes import Span, ordered, residue
from cloak.image.scan.isobmff_items import check_cover, check_items
from cloak.image.scan.isobmff_tracks import check_tracks

_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"avif", b"avis", b"avio"}
    | {b"mif1", b"mif2", b"msf1", b"miaf", b"MA1A", b"MA1B", b"MiHA", b"MiHB", b"MiHE", b"MiPr", b"1pic"}
    | {b"isom", b"mp41", b"mp42", *(b"iso%c" % digit for digit in b"23456789abc")}
)


def scan(data: Buffer) -> None:
    """Check a HEIC or AVIF file: pictures, what they are made of, and no byte that none of them uses.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its boxes cannot be followed.
    """
    view = memoryview(data)
    found = ordered(list(boxes(view)), ("ftyp", "meta?", "moov?", "mdat"), "the file")
    _check_brands(found["ftyp"])
    spans: set[Span] = set()
    if "meta" in found:
        spans |= check_items(view, found["meta"])
    if "moov" in found:
        spans |= check_tracks(view, found["moov"])
    check_cover(spans, found["mdat"].offset, found["mdat"].end)


def _check_brands(box: Box) -> None:
    body = bytes(box.body)
    brands = [body[index : index + 4] for index in range(0, len(body), 4) if index != 4]
    if len(body) % 4 or len(body) < 8 or any(body[4:8]):
        raise residue("a file type box with more than brands in it")
    # Files that were encoded list the main brand again, and what was written anew lists no brand twice.
    if not set(brands) <= _BRANDS or len(set(brands[1:])) != len(brands) - 1:
        raise residue("brands that we do not write")
