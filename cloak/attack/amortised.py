"""Deltas in one pass of a trained network, to be worn as they are or to start a search from."""

import math

import torch
import torch.nn.functional as F

from cloak.attack.projection import project
from cloak.attack.scene import Scene, normalised
from cloak.config import Budget
from cloak.faces.geometry import apply, similarity
from cloak.models.networks.generator import Generator

SIDE = 224
"""Side of the frame that the network works in; other frames are resized to it, and what it says back."""

FACE = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.57], [0.09, 1.16], [0.92, 1.16]])
"""Where the five landmarks are in the aligned face, in units of the distance of the eyes, the left one at the origin.
Source: the template of ArcFace (InsightFace)."""

PATTERN = ((-0.95, -1.35), (1.95, 1.95))
"""Left top and right bottom corner of the pattern that all faces share, in the aligned face."""


class Amortised:
    """A trained generator as a source of deltas.

    Args:
        network: on the device of the scenes that it will be asked about.
    """

    def __init__(self, network: Generator) -> None:
        self.network = network

    def __call__(self, scene: Scene, budget: Budget) -> torch.Tensor:
        """Return deltas, float (N, 3, S, S), nearly inside the budget (`project`); differentiable by the network."""
        side = scene.crops.shape[-1]
        said = self.network(*_inputs(scene))
        if side != SIDE:
            said = F.interpolate(said, (side, side), mode="bilinear", antialias=side < SIDE)
        # Of unit size, whatever the network says: else it grows until the limits on single pixels are all that is left.
        # A change of 1 everywhere, in these units, has the DSSIM of the whole budget.
        return project(normalised(said, scene) * scene.unit * math.sqrt(2 * budget.dssim), scene, budget)


def _inputs(scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the network looks at, (N, 7, SIDE, SIDE), and where the shared pattern lies, (N, SIDE, SIDE, 2)."""
    side = scene.crops.shape[-1]
    texture = scene.unit.mean(1, keepdim=True) * 10
    seen = torch.cat([scene.crops - 0.5, texture, scene.masks], 1)
    if side != SIDE:
        seen = F.interpolate(seen, (SIDE, SIDE), mode="bilinear", antialias=side > SIDE)
    steps = (torch.arange(SIDE, device=seen.device) + 0.5) * side / SIDE - 0.5
    x, y = torch.meshgrid(steps, steps, indexing="xy")
    to_face = similarity(scene.landmarks, FACE.to(seen.device))
    pixels = torch.stack([x, y], -1).reshape(1, -1, 2).expand(len(seen), -1, -1)
    places = apply(to_face, pixels).reshape(-1, SIDE, SIDE, 2)
    corners = torch.tensor(PATTERN, device=seen.device)
    grid = 2 * (places - corners[0]) / (corners[1] - corners[0]) - 1
    return torch.cat([seen, grid.permute(0, 3, 1, 2).clamp(-1.5, 1.5)], 1), grid
