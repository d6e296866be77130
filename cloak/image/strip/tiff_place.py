"""What of a TIFF page's resolution is about the picture: the shape of a pixel, and where a layer lies.

Source: TIFF 6.0, sections 8 (resolution) and 12 (position, in the unit of the resolution).
"""

from cloak.image import aspect
from cloak.image.strip.tiff_read import Directory

ACROSS, DOWN, LEFT, TOP, UNIT = 282, 283, 286, 287, 296
_RATIONAL = 5
_FARTHEST = 1 << 20  # pixels


def shape(page: Directory) -> tuple[int, int]:
    """The resolution of a page as the ratio of two small numbers."""
    across, down = (page.ratios(tag)[:1] for tag in (ACROSS, DOWN))
    if not (across and down):
        return 1, 1
    return aspect.ratio(across[0][0] * down[0][1], down[0][0] * across[0][1])


def place(page: Directory) -> tuple[int, int]:
    """Pixels by which a page is to the right of its neighbours and below them; none where it does not say so."""
    pixels = []
    for edge, tag in ((LEFT, ACROSS), (TOP, DOWN)):
        entry = page.entries.get(edge)
        if entry is None or (entry.kind, entry.count) != (_RATIONAL, 1):
            return 0, 0
        (number, over), (dots, unit) = page.ratios(edge)[0], (page.ratios(tag) or ((0, 1),))[0]
        if over <= 0 or unit <= 0:
            return 0, 0
        pixels.append((2 * number * dots + over * unit) // (2 * over * unit))
    return (pixels[0], pixels[1]) if all(0 <= each <= _FARTHEST for each in pixels) else (0, 0)


__all__ = ["ACROSS", "DOWN", "LEFT", "TOP", "UNIT", "place", "shape"]
