"""No protection at all, and what a change of the same visibility does by itself."""

from collections.abc import Sequence

import torch

from cloak.attack.budget import blur, gaussian
from cloak.evaluation.methods.base import Deltas, Plan
from cloak.photo import FaceBatch

SIZE = 8 / 255
"""Standard deviation, before it is scaled."""

GRAIN = 1.0
"""Standard deviation of the blur, pixels. White noise of single pixels and colours would not outlive a JPEG file."""


def nothing(batches: Sequence[FaceBatch], people: torch.Tensor) -> Deltas:  # noqa: ARG001 -- a plan
    """Plan no change."""
    return lambda batch: torch.zeros_like(batch.crops)


def noise(seed: int) -> Plan:
    """Plan grey Gaussian noise with a little blur, under the mask that every method has.

    Independent noise of pixels and channels is the obvious choice, but chroma subsampling and quantisation take away
    two thirds of its DSSIM, and nothing would be compared.

    Faces of one frame size get the same draw, so that a face is treated the same alone and in company.
    """

    def deltas(batch: FaceBatch) -> torch.Tensor:
        draw = torch.randn(1, 1, *batch.crops.shape[2:], generator=torch.Generator().manual_seed(seed))
        grey = blur(draw, gaussian(torch.tensor([GRAIN]), radius=4))
        return (grey / grey.std()).to(batch.crops) * SIZE * batch.masks.expand_as(batch.crops)

    return lambda _batches, _people: deltas
