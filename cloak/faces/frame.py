"""Cut faces out of photos into the frame in which the attack works.

The frame is axis-aligned with the photo and has its resolution where the face fits, so that one pixel of a delta is
one pixel of the photo: nothing is resampled, and what is optimised is what is written. Larger faces are scaled down.
A frame shows more than may be changed, because recognisers see hair and background too. What may be changed for one
face is changed for no other one: cloaks of people cheek by cheek would add up to more than may be seen.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

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
    rows: dict[int, list[_Row]] = defaultdict(list)
    for index, found in enumerate(faces):
        for face, beside in zip(found, _neighbours(found), strict=True):
            rows[_bucket(_side(face))].append(_Row(index, face, beside))
    return [_batch(photos, rows[size], size, lossless=lossless) for size in sorted(rows)]


class _Row(NamedTuple):
    photo: int
    face: Face
    beside: list[Face]


def _neighbours(faces: Sequence[Face]) -> list[list[Face]]:
    """Return, for each face, the others whose regions meet its own."""
    boxes = torch.tensor([face.box for face in faces], dtype=torch.float32).reshape(-1, 2, 2)
    centres, halves = boxes.mean(1), (boxes[:, 1] - boxes[:, 0]) / 2 * REGION
    near: list[list[Face]] = []
    for row, face in enumerate(faces):  # one at a time: a crowd's square of pairs is large
        meets = ((centres - centres[row]).abs() < halves + halves[row]).all(1).tolist()
        near.append([other for other, met in zip(faces, meets, strict=True) if met and other is not face])
    return near


def _side(face: Face) -> int:
    return max(2, round(face.size * CONTEXT))


def _bucket(side: int) -> int:
    return next((size for size in BUCKETS if side <= size), BUCKETS[-1])


def _batch(photos: Sequence[Photo], rows: Sequence[_Row], size: int, *, lossless: bool) -> FaceBatch:
    cut = [_cut(photos[row.photo], row, size) for row in rows]
    return FaceBatch(
        **{name: torch.stack([each[name] for each in cut]) for name in cut[0]},
        photo=torch.tensor([row.photo for row in rows], dtype=torch.int64),
        lossless=torch.full((len(rows),), lossless),
    )


def _cut(photo: Photo, row: _Row, size: int) -> dict[str, torch.Tensor]:
    """Return what a `FaceBatch` has of one face."""
    side = max(size, _side(row.face))  # a small face gets more context for nothing, not a resampled frame
    left, top = (round((row.face.box[i] + row.face.box[i + 2]) / 2 - (side - 1) / 2) for i in (0, 1))
    scale = side / size
    # One channel at a time: a face may have ten million pixels.
    window = torch.cat([_resized(_window(channel[None], left, top, side), size) for channel in photo.pixels])
    offset = (scale - 1) / 2  # pixel centres
    to_photo = torch.tensor([[scale, 0.0, left + offset], [0.0, scale, top + offset]])
    return {
        "crops": window.clamp(0, 1),
        "masks": _mask(photo, row, to_photo, size),
        "landmarks": _to_frame(row.face.landmarks, to_photo),
        "boxes": _to_frame(_seen(photo, row.face), to_photo).flatten(),
        "to_photo": to_photo,
    }


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


def _mask(photo: Photo, row: _Row, to_photo: torch.Tensor, size: int) -> torch.Tensor:
    """Return (1, S, S): 1 inside the region, 0 outside the photo.

    It falls to 0 over a twelfth of the region's size, at its border and where a pixel is as deep in another region.
    """
    depth = _depth(row.face, to_photo, size)
    places = torch.arange(size, dtype=torch.float32)[:, None] * to_photo[0, 0] + to_photo[:, 2]
    inside = (places > -0.5) & (places < torch.tensor([photo.width, photo.height]) - 0.5)
    smooth = _soft(depth) * inside
    mask = smooth[None, :, 1, None] * smooth[None, None, :, 0]
    for other in row.beside:
        mask = mask * _soft(_least(depth) - _least(_depth(other, to_photo, size)))
    return mask


def _depth(face: Face, to_photo: torch.Tensor, size: int) -> torch.Tensor:
    """Return (S, 2), for each column and each row, how deep in the region it is: 0 at the border, 1 in the middle."""
    box = _to_frame(_corners(face), to_photo)
    centre, half = box.mean(0), (box[1] - box[0]) / 2 * REGION
    return (half - (torch.arange(size, dtype=torch.float32)[:, None] - centre).abs()) / half


def _least(depth: torch.Tensor) -> torch.Tensor:
    """Return how deep in the region each pixel is, (1, S, S), from its columns and rows."""
    return torch.minimum(depth[None, :, 1, None], depth[None, None, :, 0])


def _soft(depth: torch.Tensor) -> torch.Tensor:
    ramp = (depth / FEATHER).clamp(0, 1)
    smooth = ramp.square() * (3 - 2 * ramp)
    return smooth * (smooth > 0.03)  # a hundredth of a grey level is not worth a denormal number


FEATHER = 0.16
"""Width of the soft edge in units of half the region."""


def _to_frame(points: torch.Tensor, to_photo: torch.Tensor) -> torch.Tensor:
    return (points.float() - to_photo[:, 2]) / to_photo[0, 0]


def _corners(face: Face) -> torch.Tensor:
    return torch.tensor(face.box, dtype=torch.float32).reshape(2, 2)


def _seen(photo: Photo, face: Face) -> torch.Tensor:
    """Return the corners (2, 2) of as much of a box as lies in the photo: the black beyond is not looked at."""
    return _corners(face).clamp(min=0).minimum(torch.tensor([photo.width - 1.0, photo.height - 1.0]))
