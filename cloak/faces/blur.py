"""Make faces unrecognisable for good: by forgetting them, not by hiding them.

A face is replaced by a few averages. Its region, 1.6 times the box, is cut into at most 6 x 6 blocks, not four across
the face itself; each block's mean, rounded to a grey level of each channel, is all that is kept, and the blurred face
is drawn from these means alone (bicubic, so that no block has an edge). Where the ellipse is solid, which is the whole
face with a margin of a third, every pixel is a function of at most 36 x 3 numbers of 8 bits; a face of 200 pixels had
120,000. Sharpening, deconvolution and inversion of the blur can bring back these numbers and no more: there is one
blurred face for some 10^288,000 original ones of that size. Outside the solid ellipse the original shows through a soft
edge, and can be computed back there: that is hair, ears and surroundings.

Measured on the 60 photos of `cloak.faces.people`, embedded at the landmarks of the original: no other photo of the
person is matched by SFace, FaceNet or the witness at a false accept rate of 1 in 1,000. Among 15 people, the right one
comes first for 8% of faces with each of the three; by chance it does for 7%. With 8 x 8 blocks it was up to 17%.

What is left still tells skin, hair and light. Networks trained on blurred faces of few known people guess among them
better than chance from mosaics finer than this one (McPherson, Shokri & Shmatikov 2016, "Defeating Image Obfuscation
with Deep Learning", sections 5 and 6); that none could from this one is not claimed.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F

from cloak.photo import Face, Photo

BLOCKS = 6
"""Across the longer side of a region."""

SOLID = 0.66
"""Half axes of the ellipse in which nothing of the original is left, in sides of the box; 0.5 would touch its edges."""

REGION = 0.8
"""Half axes of the ellipse beyond which nothing is changed, and half the sides of the region."""


def blur(photo: Photo, faces: Sequence[Face]) -> Photo:
    """Blur faces beyond recognition.

    Args:
        photo: at its full size.
        faces: of that photo.

    Returns:
        The photo, in which every pixel outside the faces' ellipses is the same.
    """
    if not faces:
        return photo
    pixels = photo.pixels.clone()
    for face in faces:
        _blur(pixels, face)
    return replace(photo, pixels=pixels)


def _blur(pixels: torch.Tensor, face: Face) -> None:
    """Blur a face in place."""
    rows, columns = _spans(face, pixels)
    if not rows or not columns:
        return
    block = 2 * REGION * face.size / BLOCKS
    down, across = (min(max(1, round(len(span) / block)), BLOCKS) for span in (rows, columns))
    opacity = _opacity(face, rows, columns)
    for channel in pixels:  # one at a time: a region may have ten million pixels
        place = channel[rows.start : rows.stop, columns.start : columns.stop]
        before = place.float()
        means = F.adaptive_avg_pool2d(before[None, None], (down, across)).round_()
        drawn = F.interpolate(means, before.shape, mode="bicubic", align_corners=False)[0, 0]
        place.copy_(before.lerp_(drawn, opacity).round_().clamp_(0, 255))


def _spans(face: Face, pixels: torch.Tensor) -> tuple[range, range]:
    """Return the rows and columns of the region that are in the photo."""
    left, top, right, bottom = face.box
    spans = []
    for low, high, length in ((top, bottom, pixels.shape[1]), (left, right, pixels.shape[2])):
        middle, half = (low + high) / 2, (high - low) * REGION
        spans.append(range(max(int(middle - half), 0), min(int(middle + half) + 1, length)))
    return spans[0], spans[1]


def _opacity(face: Face, rows: range, columns: range) -> torch.Tensor:
    """Return float32 (rows, columns): 1 inside the solid ellipse, 0 outside the region's, smooth between the two."""
    left, top, right, bottom = face.box
    y = (torch.tensor(rows, dtype=torch.float32) - (top + bottom) / 2) / max(bottom - top, 1e-6)
    x = (torch.tensor(columns, dtype=torch.float32) - (left + right) / 2) / max(right - left, 1e-6)
    radius = (y.square()[:, None] + x.square()).sqrt_()
    ramp = ((REGION - radius) / (REGION - SOLID)).clamp_(0, 1)
    return ramp.square() * (3 - 2 * ramp)
