"""Whom a photo is of."""

from collections.abc import Sequence

import torch

from cloak.photo import Face


def central(faces: Sequence[Face], pixels: torch.Tensor) -> Face | None:
    """Return the face nearest the middle of a photo (3, H, W): whom a photo filed under a name most likely shows.

    Larger faces count as nearer: distance in units of the face's size.
    """
    middle = torch.tensor([pixels.shape[2], pixels.shape[1]]) / 2
    return min(
        faces, key=lambda face: float((face.landmarks.mean(0) - middle).norm()) / max(face.size, 1.0), default=None
    )
