"""What stays fixed while the deltas of one batch are searched for."""

from dataclasses import dataclass

import torch

from cloak.attack.budget import Dssim, LowPass, inside, local_deviation
from cloak.photo import FaceBatch

UNIT_RANGE = (0.35, 2.5)
"""Limits of `Scene.unit` in units of its mean: neither flat skin nor hair gets everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A batch of faces on a device, with the metric of its budget.

    Attributes:
        crops: float32 (N, 3, S, S) in [0, 1].
        masks: float32 (N, 1, S, S) in [0, 1].
        landmarks: float32 (N, 5, 2).
        boxes: float32 (N, 4).
        weights: float32 (N, 1, S, S), the average over the box.
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
    unit: torch.Tensor
    dssim: Dssim
    low_pass: LowPass

    @classmethod
    def of(cls, batch: FaceBatch, device: torch.device) -> "Scene":
        """Prepare a batch."""
        crops, masks, boxes = batch.crops.to(device), batch.masks.to(device), batch.boxes.to(device)
        weights = inside(boxes, crops.shape[-1])
        deviation = local_deviation(crops)
        mean = (deviation.square() * weights).sum((2, 3)).mean(1).sqrt()[:, None, None, None]
        lowest, highest = UNIT_RANGE
        return cls(
            crops=crops,
            masks=masks,
            landmarks=batch.landmarks.to(device),
            boxes=boxes,
            weights=weights,
            unit=(deviation / mean).clamp(lowest, highest) * mean * masks,
            dssim=Dssim(crops, weights),
            low_pass=LowPass(boxes),
        )

    def apply(self, deltas: torch.Tensor) -> torch.Tensor:
        """Return the crops with deltas, in [0, 1]."""
        return (self.crops + deltas).clamp(0, 1)
