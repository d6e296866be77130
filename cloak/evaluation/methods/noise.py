"""No protection at all, and what a change of the same visibility does by itself."""

from collections.abc import Sequence

import torch

from cloak.attack import Scene
from cloak.evaluation.methods.base import Deltas, Plan, reach
from cloak.photo import FaceBatch


def nothing(batches: Sequence[FaceBatch]) -> Deltas:  # noqa: ARG001 -- a plan
    """Plan no change."""
    return lambda batch: torch.zeros_like(batch.crops)


def noise(dssim: float, seed: int) -> Plan:
    """Plan white Gaussian noise of a DSSIM, under the mask that every method has.

    Faces of one frame size get the same draw, so that a face is treated the same alone and in company.
    """

    def deltas(batch: FaceBatch) -> torch.Tensor:
        scene = Scene.of(batch, batch.crops.device)
        draw = torch.randn(batch.crops.shape[1:], generator=torch.Generator().manual_seed(seed))
        return reach(draw.to(scene.crops) * scene.masks, scene, dssim)

    return lambda _batches: deltas
