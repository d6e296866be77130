"""What flows through the pipeline: photos, faces and batches of face crops.

Convention:
    Images are RGB, channels first, ``(3, H, W)``; uint8 at rest, float32 in [0, 1] in computation.
    Points are ``(x, y)`` in pixels, x to the right, y down, and the *centre* of the top left pixel is ``(0, 0)``.
    Boxes are ``(left, top, right, bottom)`` in the same coordinates.
    A similarity is a ``(2, 3)`` matrix ``[A | t]``: ``target = A @ source + t``.
    Landmarks are five points in image order: left eye, right eye, nose, left mouth corner, right mouth corner.
"""

from dataclasses import dataclass

import torch

from cloak.container import ColourSpace, Encoding
from cloak.errors import ShapeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A decoded photo: upright pixels, and the names (never the values) of the metadata it came with.

    Attributes:
        pixels: uint8 (3, H, W), RGB in `space`.
        alpha: uint8 (1, H, W), or None for an opaque photo.
        space: colour space of `pixels`.
        encoding: how the file was compressed.
        found: names of the metadata the file carried, in people's words ("GPS position", "camera model").
    """

    pixels: torch.Tensor
    alpha: torch.Tensor | None = None
    space: ColourSpace = ColourSpace.SRGB
    encoding: Encoding
    found: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_image(self.pixels, channels=3)
        if self.alpha is not None:
            check_image(self.alpha, channels=1)

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.pixels.shape[1]

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.pixels.shape[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarePhoto:
    """A photo about which nothing but its pixels is known: the only type that `encode` accepts.

    Made by `cloak.image.strip.bare.strip` alone; it has no field in which metadata could travel.
    """

    pixels: torch.Tensor
    alpha: torch.Tensor | None = None
    space: ColourSpace = ColourSpace.SRGB
    encoding: Encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One detected face.

    Attributes:
        box: left, top, right, bottom in photo pixels.
        landmarks: float32 (5, 2), photo pixels, image order.
        score: the detector's confidence in [0, 1].
    """

    box: tuple[float, float, float, float]
    landmarks: torch.Tensor
    score: float

    @property
    def size(self) -> float:
        """The longer side of the box in pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceBatch:
    """Face crops from any number of photos, in the frame the attack works in.

    The frame is the face's box, enlarged, axis-aligned with the photo, at the photo's own resolution where that fits
    into `S` pixels, so that a pixel of the delta is a pixel of the photo; larger faces are scaled down to fit.

    Attributes:
        crops: float32 (N, 3, S, S), RGB in [0, 1].
        masks: float32 (N, 1, S, S) in [0, 1]: where a delta may be, feathered to 0 at the region's edge
            and where another face's begins.
        landmarks: float32 (N, 5, 2), frame pixels.
        boxes: float32 (N, 4), the detected box, as far as it lies in the photo, in frame pixels.
        to_photo: float32 (N, 2, 3), similarity from frame pixels to photo pixels.
        photo: int64 (N,), which photo each crop came from.
        lossless: bool (N,), whether the file that is written of it adds no grain of its own.
    """

    crops: torch.Tensor
    masks: torch.Tensor
    landmarks: torch.Tensor
    boxes: torch.Tensor
    to_photo: torch.Tensor
    photo: torch.Tensor
    lossless: torch.Tensor

    def __len__(self) -> int:
        return self.crops.shape[0]


def check_image(image: torch.Tensor, *, channels: int) -> None:
    """Refuse anything but a non-empty uint8 (channels, H, W) tensor.

    Raises:
        ShapeError: it is something else.
    """
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != channels or 0 in image.shape:
        floats = ": multiply by 255, round, and call .to(torch.uint8)" if image.dtype.is_floating_point else ""
        raise ShapeError(f"an image must be uint8 ({channels}, H, W), got {image.dtype} {tuple(image.shape)}{floats}")
