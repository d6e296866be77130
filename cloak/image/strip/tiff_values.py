"""Which tags of a TIFF page say how its pixels are to be shown, and in what form they are written.

Source: TIFF 6.0, sections 8, 11, 14, 16 (inks), 20 (colours), 21 (YCbCr), 23 (Lab).
"""

from cloak.image.strip.tiff_read import Directory, damaged

_INKS, _YCBCR, _LAB = 5, 6, frozenset({8, 9})
_GROUP4 = 4
_PREDICTED = frozenset({5, 8, 32946, 34925})  # LZW, deflate, LZMA
_SHARED = 530
_FINE = 10_000  # parts of 1 in which fractions of colours are written
_MOST = 65_535
_WAYS = {
    266: frozenset({1, 2}),
    284: frozenset({1, 2}),
    293: frozenset({0, 2}),
    317: frozenset({1, 2, 3}),
    332: frozenset({1, 2}),
    338: frozenset({0, 1, 2}),
    339: frozenset(range(1, 7)),
    531: frozenset({1, 2}),
    _SHARED: frozenset({1, 2, 4}),
}
"""The values that a tag may have, where they are few."""


def integers(page: Directory, tag: int) -> tuple[int, ...]:
    """The numbers of a tag; () where nobody heeds them.

    Raises:
        UnreadablePhotoError: they say that pixels share their colours in a way that there is not.
    """
    numbers, colours, code = page.integers(tag), page.integer(262, 0), page.integer(259, 1)
    if tag == _SHARED and len(numbers) != 2:
        return ()
    needed = {
        278: 322 not in page.entries,
        292: False,  # such pixels are coded anew
        293: code == _GROUP4,
        317: code in _PREDICTED,
        **dict.fromkeys((332, 334), colours == _INKS),
        **dict.fromkeys((_SHARED, 531), colours == _YCBCR),
    }
    if not needed.get(tag, True):
        return ()
    if tag == 278:
        height = page.integer(257, 0)
        return tuple(min(number or height, height) for number in numbers[:1])
    if not _WAYS.get(tag, frozenset(numbers)).issuperset(numbers):
        if tag == _SHARED:
            raise damaged(f"{numbers[0]} x {numbers[1]} pixels that share their colours")
        return ()
    return numbers if tag != 334 or numbers[:1] <= (page.integer(277, 1),) else ()


def fractions(page: Directory, tag: int, count: int) -> tuple[int, ...]:
    """The numbers of a tag of fractions, above and below the line by turns; () where nobody heeds them."""
    colours = page.integer(262, 0)
    ratios = page.ratios(tag) if tag in page.entries else ()
    used = colours in _LAB if tag == 318 else colours == _YCBCR and tag != 319
    if not used or len(ratios) != count or any(below <= 0 or above < 0 for above, below in ratios):
        return ()
    unit, most = (1, _MOST) if tag == 532 else (_FINE, _FINE)
    rounded = [(2 * unit * above + below) // (2 * below) for above, below in ratios]
    return tuple(number for each in rounded for number in (each, unit)) if max(rounded) <= most else ()


__all__ = ["fractions", "integers"]
