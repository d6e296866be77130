"""Which properties the pictures and frames of HEIC and AVIF files may have.

Source: ISO/IEC 23008-12:2022, section 6.5; ISO/IEC 14496-12:2022, section 12.1; AV1 image file format, section 2.3.
"""

from collections.abc import Callable, Sequence

from cloak.image.bmff import Box
from cloak.image.clean_profile import is_clean
from cloak.image.scan import bitstream
from cloak.image.scan.isobmff_boxes import residue
from cloak.image.scan.isobmff_crop import hidden

ALPHA = frozenset({b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"})
"""Auxiliary pictures that are the alpha plane of another."""


def check(box: Box) -> None:
    """Check a property.

    Raises:
        ResidueError: unknown, or with bytes in it that have no use.
        StructureError: it cannot be followed.
    """
    rule = _RULES.get(box.kind)
    if rule is None or not rule(bytes(box.body)):
        raise residue(f"property {box.kind.decode('latin-1')} at offset {box.start}")


def check_crop(properties: Sequence[Box], size: tuple[int, int] = (0, 0)) -> None:
    """Check that nothing of a picture is hidden by its crop, and that no property comes twice.

    Args:
        properties: of the picture, in order.
        size: width and height before the crop; (0, 0) where `ispe` says it.

    Raises:
        ResidueError: more is hidden than what encoders pad by, or a property comes twice.
        StructureError: a crop that does not add up.
    """
    kinds = [(box.kind, bytes(box.body[:4]) == b"nclx") for box in properties]
    if len(set(kinds)) < len(kinds):
        raise residue("a picture that has a property twice")
    cut = hidden(properties, size)
    if any(cut):
        raise residue("a crop that hides {} pixels left, {} right, {} at the top, {} at the bottom".format(*cut))


def _sized(size: int) -> Callable[[bytes], bool]:
    return lambda body: len(body) == size


def _at_most(largest: int) -> Callable[[bytes], bool]:
    return lambda body: len(body) == 1 and body[0] <= largest


def _colour(body: bytes) -> bool:
    if body[:4] == b"nclx":
        return len(body) == 11 and not body[10] & 0x7F
    return body[:4] in {b"prof", b"rICC"} and is_clean(body[4:])


def _depths(body: bytes) -> bool:
    return body[:4] == bytes(4) and 5 < len(body) == 5 + body[4] <= 9 and all(0 < depth <= 16 for depth in body[5:])


def _alpha(body: bytes) -> bool:
    return body[:4] == bytes(4) and body[-1:] == b"\0" and body[4:-1] in ALPHA


def _hevc(body: bytes) -> bool:
    bitstream.check_hevc_parameters(body)
    return True


def _av1(body: bytes) -> bool:
    bitstream.check_av1_parameters(body)
    return True


_RULES: dict[bytes, Callable[[bytes], bool]] = {
    b"ispe": lambda body: len(body) == 12 and body[:4] == bytes(4),
    b"irot": _at_most(3),
    b"imir": _at_most(1),
    b"a1op": _at_most(31),
    b"lsel": _sized(2),
    b"clli": _sized(4),
    b"pasp": _sized(8),
    b"mdcv": _sized(24),
    b"clap": _sized(32),
    b"a1lx": lambda body: len(body) == 13 and body[0] == 1,
    b"colr": _colour,
    b"pixi": _depths,
    b"auxC": _alpha,
    b"auxi": _alpha,
    b"hvcC": _hevc,
    b"av1C": _av1,
}
