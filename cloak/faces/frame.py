"""Cut faces out of photos into the frame in which the attack works.

The frame is axis-aligned with the photo and has its resolution where the face fits, so that one pixel of a delta is
one pixel of the photo: nothing is resampled, and what is optimised is what is written. Larger faces are scaled down.
A frame shows more than may be changed, because recognisers see hair and background too.
"""

from collections import defaultdict
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from cloak.photo import Face, FaceBatch, Photo

CONTEXT = 1.75
"""Side of the frame in units of the longer side of the box: what the widest recogniser template sees, with jitter."""

REGION = 1.24
"""Width and height of the region that may change, in units of the box."""

BUCKETS = (64, 96, 128, 160, 192, 224, 256, 288, 320)
"""Sides of frames in pixels. Faces in one bucket make one batch, padded by less than a third."""


def frame(photos: Sequence[Photo], faces: Sequence[Sequence[Face]], *, lossless: bool = False) -> list[FaceBatch]:
    """Cut out every face of every photo, one batch for each frame size that occurs.

    Args:
        photos: any number of photos.
        faces: the faces of each photo.
        lossless: whether they will be written without loss; if that is not known, they are taken not to be.

    Returns:
        Batches in order of size; within one, faces in the order of the photos.
    """
    rows: dict[int, list[tuple[int, Face]]] = defaultdict(list)
    for index, found in enumerate(faces):
        for face in found:
            rows[_bucket(_side(face))].append((index, face))
    return [_batch(photos, rows[size], size, lossless=lossless) for size in sorted(rows)]


def _side(face: Face) -> int:
    return max(2, round(face.size * CONTEXT))


def _bucket(side: int) -> int:
    return next((size for size in BUCKETS if side <= size), BUCKETS[-1])


def _batch(photos: Sequence[Photo], rows: Sequence[tuple[int, Face]], size: int, *, lossless: bool) -> FaceBatch:
    frames = [_cut(photos[index], face, size) for index, face in rows]
    return FaceBatch(
        crops=torch.stack([crop for crop, _, _ in frames]),
        masks=torch.stack([mask for _, mask, _ in frames]),
        landmarks=torch.stack(
            [_to_frame(face.landmarks, to_photo) for (_, face), (_, _, to_photo) in zip(rows, frames, strict=True)]
        ),
        boxes=torch.stack([_box(face, to_photo) for (_, face), (_, _, to_photo) in zip(rows, frames, strict=True)]),
        to_photo=torch.stack([to_photo for _, _, to_photo in frames]),
        photo=torch.tensor([index for index, _ in rows], dtype=torch.int64),
        lossless=torch.full((len(rows),), lossless),
    )


def _cut(photo: Photo, face: Face, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return crop (3, S, S), mask (1, S, S) and the similarity (2, 3) from frame to photo."""
    side = max(size, _side(face))  # a small face gets more context for nothing, not a resampled frame
    left, top = (round((face.box[i] + face.box[i + 2]) / 2 - (side - 1) / 2) for i in (0, 1))
    scale = side / size
    # One channel at a time: a face may have ten million pixels.
    window = torch.cat([_resized(_window(channel[None], left, top, side), size) for channel in photo.pixels])
    offset = (scale - 1) / 2  # pixel centres
    to_photo = torch.tensor([[scale, 0.0, left + offset], [0.0, scale, top + offset]])
    return window.clamp(0, 1), _mask(photo, face, to_photo, size), to_photo


def _window(pixels: torch.Tensor, left: int, top: int, side: int) -> torch.Tensor:
    """Cut a square out of uint8 pixels as float [0, 1]; what is outside the photo is black, as engines see it."""
    channels, height, width = pixels.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    window = torch.zeros(channels, side, side)
    if x0 < x1 and y0 < y1:
        torch.div(pixels[:, y0:y1, x0:x1], 255, out=window[:, y0 - top : y1 - top, x0 - left : x1 - left])
    return window


def _resized(window: torch.Tensor, size: int) -> torch.Tensor:
    if window.shape[-1] == size:
        return window
    return F.interpolate(window[None], (size, size), mode="bilinear", antialias=True)[0]


def _mask(photo: Photo, face: Face, to_photo: torch.Tensor, size: int) -> torch.Tensor:
    """Return 1 inside the region, falling to 0 at its border and at the photo's, over a twelfth of its size."""
    box = _box(face, to_photo)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * REGION
    axis = torch.arange(size, dtype=torch.float32)[:, None]
    depth = (half - (axis - centre).abs()) / half  # (S, 2): 0 at the border, 1 in the middle
    inside = (axis * to_photo[0, 0] + to_photo[:, 2] > -0.5) & (
        axis * to_photo[0, 0] + to_photo[:, 2] < torch.tensor([photo.width, photo.height]) - 0.5
    )
    ramp = (depth / FEATHER).clamp(0, 1) * inside
    smooth = ramp.square() * (3 - 2 * ramp)
    smooth = smooth * (smooth > 0.03)  # a hundredth of a grey level is not worth a denormal number
    return smooth[None, :, 1, None] * smooth[None, None, :, 0]


FEATHER = 0.16
"""Width of the soft edge in units of half the region."""


def _to_frame(points: torch.Tensor, to_photo: torch.Tensor) -> torch.Tensor:
    return (points.float() - to_photo[:, 2]) / to_photo[0, 0]


def _box(face: Face, to_photo: torch.Tensor) -> torch.Tensor:
    return _to_frame(torch.tensor(face.box).reshape(2, 2), to_photo).reshape(4)
