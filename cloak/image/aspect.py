"""The shape of a pixel: all that is kept of a resolution, which says how a picture was made, not how it looks."""

_LARGEST = 20
"""The largest number in a ratio: enough for films and faxes, too few to tell one file from another."""
_SQUARE = (1, 1)


def ratio(across: int, down: int) -> tuple[int, int]:
    """Reduce a resolution to the ratio of two small numbers; (1, 1) for pixels that are square, or as good as.

    Args:
        across: pixels to a unit of length, from left to right.
        down: the same, from top to bottom.
    """
    less, more = sorted((across, down))
    if less <= 0 or more > _LARGEST * less or (more - less) * 50 < more:
        return _SQUARE
    from fractions import Fraction  # noqa: PLC0415 -- takes longer to import than most files take to be read

    small = Fraction(less, more).limit_denominator(_LARGEST)
    pair = small.numerator, small.denominator
    return pair if across < down else pair[::-1]


def is_small(across: int, down: int) -> bool:
    """Whether a ratio is one that `ratio` gives."""
    return 0 < across <= _LARGEST and 0 < down <= _LARGEST and ratio(across, down) == (across, down)
