"""Which photos are copies of one another, saved anew or made smaller."""

import torch
import torch.nn.functional as F

HASH_SIDE = 16
NEAR = 8
"""Of 256 bits of two photos' hashes so many may differ if one is a copy of the other."""


def difference_hash(pixels: torch.Tensor) -> torch.Tensor:
    """Return 256 booleans that are nearly the same for copies of uint8 (3, H, W), however saved or resized.

    Source: the "difference hash": is a pixel of a small grey copy brighter than its neighbour to the right?
    """
    grey = pixels.float().mean(0)[None, None]
    small = F.interpolate(grey, (HASH_SIDE, HASH_SIDE + 1), mode="bilinear", antialias=True)[0, 0]
    return (small[:, 1:] > small[:, :-1]).flatten()


def alike(marks: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Say which photos are copies of which, by their hashes.

    Args:
        marks: bool (N, 256).
        others: bool (M, 256).

    Returns:
        bool (N, M).
    """
    first, second = (each.float() * 2 - 1 for each in (marks, others))
    return (first.shape[1] - first @ second.T) / 2 <= NEAR
