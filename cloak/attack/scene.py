"""What stays fixed while the deltas of one batch are searched for."""

from dataclasses import dataclass

import torch

from cloak.attack.budget import LowPass, inside, local_deviation
from cloak.photo import FaceBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A batch of faces on a device, with the metric of its budget.

    Attributes:
        crops: float32 (N, 3, S, S) in [0, 1].
        masks: float32 (N, 1, S, S) in [0, 1].
        landmarks: float32 (N, 5, 2).
        boxes: float32 (N, 4).
        weights: float32 (N, 1, S, S), the average over the box.
        deviation: float32 (N, 3, S, S), the size of change that costs the same DSSIM everywhere.
        low_pass: the blur that the tint is measured through.
    """

    crops: torch.Tensor
    masks: torch.Tensor
    landmarks: torch.Tensor
    boxes: torch.Tensor
    weights: torch.Tensor
    deviation: torch.Tensor
    low_pass: LowPass

    @classmethod
    def of(cls, batch: FaceBatch, device: torch.device) -> "Scene":
        """Prepare a batch."""
        crops, masks, boxes = batch.crops.to(device), batch.masks.to(device), batch.boxes.to(device)
        return cls(
            crops=crops,
            masks=masks,
            landmarks=batch.landmarks.to(device),
            boxes=boxes,
            weights=inside(boxes, crops.shape[-1]),
            deviation=local_deviation(crops),
            low_pass=LowPass(boxes),
        )

    def apply(self, deltas: torch.Tensor) -> torch.Tensor:
        """Return the crops with deltas, in [0, 1]."""
        return (self.crops + deltas).clamp(0, 1)
