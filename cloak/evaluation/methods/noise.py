"""No protection at all, and what a change of the same visibility does by itself."""

from collections.abc import Sequence

import torch

from cloak.evaluation.methods.base import Deltas, Plan
from cloak.photo import FaceBatch

SIZE = 8 / 255
"""Standard deviation, before it is scaled."""


def nothing(batches: Sequence[FaceBatch]) -> Deltas:  # noqa: ARG001 -- a plan
    """Plan no change."""
    return lambda batch: torch.zeros_like(batch.crops)


def noise(seed: int) -> Plan:
    """Plan white Gaussian noise under the mask that every method has.

    Faces of one frame size get the same draw, so that a face is treated the same alone and in company.
    """

    def deltas(batch: FaceBatch) -> torch.Tensor:
        draw = torch.randn(batch.crops.shape[1:], generator=torch.Generator().manual_seed(seed))
        return draw.to(batch.crops) * SIZE * batch.masks

    return lambda _batches: deltas
