"""What a HEIC or AVIF file may consist of, still or moving."""

from cloak.image.bmff import Box, boxes
from cloak.image.buffers import Buffer
from cloak.image.scan.isobmff_boxes import Span, ordered, residue
from cloak.image.scan.isobmff_items import check_cover, check_items
from cloak.image.scan.isobmff_tracks import check_tracks

_BRANDS = frozenset(
    b"heic heix heim heis hevc hevx hevm hevs avif avis avio mif1 mif2 msf1 miaf MA1A MA1B MiHA MiHB MiHE MiPr 1pic "
    b"isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 isoa isob isoc mp41 mp42".split()
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
