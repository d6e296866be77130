"""What stays fixed while the deltas of one batch are searched for."""

from dataclasses import dataclass

import torch

from cloak.attack.budget import Dssim, LowPass, extent, inside, local_deviation
from cloak.attack.budget import normalised as weighed
from cloak.photo import FaceBatch

UNIT_RANGE = (0.35, 2.5)
"""Limits of `Scene.unit` in units of its mean: neither flat skin nor hair gets everything."""

ROOM, GREY_ROOM, LOSSLESS_ROOM = (0.76, 1.33), (0.93, 1.33), (1.0, 1.33)
"""Share of the DSSIM of the written face that the cloak may have in its frame, where a pixel of the delta is a pixel of
the photo, and compression adds the rest; and where the delta is enlarged by two or more, which spares detail finer than
it. Measured on JPEG files of quality 75 to 95, at their own resolution; half of what is added comes of fine colour,
which a JPEG does not keep and a face without colour has not; without loss, nothing is added."""

SMOOTH = (1 / 4, 2 / 4, 1 / 4)
"""What a cloak's colour goes through, along each axis, where a file keeps all of it: a JPEG does about as much by
itself. Without it there are magenta and yellow specks in eyebrows and at nostrils, and dark eyes turn green."""

COLOUR = (1.0, 0.6)
"""Share of the limits on single colours, for the same two: what is a speck in a small face is a spot in a large one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A batch of faces on a device, with the metric of its budget.

    Attributes:
        crops: float32 (N, 3, S, S) in [0, 1].
        masks: float32 (N, 1, S, S) in [0, 1].
        landmarks: float32 (N, 5, 2).
        boxes: float32 (N, 4).
        weights: float32 (N, 1, S, S), the average over the box, but for what is another face's.
        room: float32 (N,), the share of the DSSIM of the written face that the cloak may have (`ROOM`).
        colour: float32 (N, 1, 1, 1), the share of the limits on spots and specks of colour (`COLOUR`): none for a face
            without colour, on which any would be seen.
        chroma: float32 (N, 3), the kernel that what a cloak does to Cb and Cr goes through (`SMOOTH`, or nothing).
        region: the rows and the columns in which anything may change, and one more on each side.
        unit: float32 (N, 3, S, S), the size of change that costs the same DSSIM everywhere, within limits and under the
            mask.
        dssim: the grain of changed crops.
        low_pass: the blur that the tint is measured through.
    """

    crops: torch.Tensor
    masks: torch.Tensor
    landmarks: torch.Tensor
    boxes: torch.Tensor
    weights: torch.Tensor
    room: torch.Tensor
    colour: torch.Tensor
    chroma: torch.Tensor
    region: tuple[slice, slice]
    unit: torch.Tensor
    dssim: Dssim
    low_pass: LowPass

    @classmethod
    def of(cls, batch: FaceBatch, device: torch.device) -> "Scene":
        """Prepare a batch."""
        crops, masks, boxes = batch.crops.to(device), batch.masks.to(device), batch.boxes.to(device)
        lossless, grey = batch.lossless.to(device), _is_grey(crops)
        scales = batch.to_photo[:, 0, 0].to(device)
        weights = weighed(inside(boxes, crops.shape[-1]) * (masks > 0))
        deviation = local_deviation(crops)
        mean = (deviation.square() * weights).sum((2, 3)).mean(1).sqrt()[:, None, None, None]
        lowest, highest = UNIT_RANGE
        return cls(
            crops=crops,
            masks=masks,
            landmarks=batch.landmarks.to(device),
            boxes=boxes,
            weights=weights,
            room=torch.where(
                lossless,
                _between(LOSSLESS_ROOM, scales),
                torch.where(grey, _between(GREY_ROOM, scales), _between(ROOM, scales)),
            ),
            colour=(_between(COLOUR, scales) * ~grey)[:, None, None, None],
            chroma=_kernels(lossless * _between((1.0, 0.0), scales)),  # what is enlarged is smooth
            region=extent(masks, margin=1),  # a blur repeats what is at the edge: nothing
            unit=(deviation / mean).clamp(lowest, highest) * mean * masks,
            dssim=Dssim(crops, weights),
            low_pass=LowPass(boxes),
        )

    def apply(self, deltas: torch.Tensor) -> torch.Tensor:
        """Return the crops with deltas, in [0, 1]."""
        return (self.crops + deltas).clamp(0, 1)


def normalised(values: torch.Tensor, scene: Scene) -> torch.Tensor:
    """Scale values (N, 3, S, S) to a root mean square of 1 where each face may change."""
    area = (scene.masks > 0).sum((1, 2, 3), keepdim=True).clamp_min(1) * values.shape[1]
    size = (values.square().sum((1, 2, 3), keepdim=True) / area).sqrt()
    return values / size.clamp_min(1e-12)


def _is_grey(crops: torch.Tensor) -> torch.Tensor:
    """Say of each of (N, 3, S, S) whether it is black and white throughout: bool (N,)."""
    return (crops == crops[:, :1]).flatten(1).all(1)


def _between(limits: tuple[float, float], scales: torch.Tensor) -> torch.Tensor:
    """Go from the first limit, of deltas that are not enlarged, to the second, of those enlarged twice: float (N,)."""
    first, second = limits
    return first + (second - first) * (scales - 1).clamp(0, 1)


def _kernels(shares: torch.Tensor) -> torch.Tensor:
    """Return (N, 3) between a kernel that changes nothing and `SMOOTH`, by shares (N,) of the latter."""
    nothing = shares.new_tensor([0.0, 1.0, 0.0])
    return nothing + shares[:, None] * (shares.new_tensor(SMOOTH) - nothing)
