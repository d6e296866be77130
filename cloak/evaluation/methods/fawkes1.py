"""Fawkes of 2020: one surrogate, towards somebody else, in tanh space, without views."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cloak.attack import Scene, Surrogate, align
from cloak.evaluation.methods.recipe import Recipe, Settings

INSIDE = 1 - 1e-6
"""How near to black and white tanh gets. Source: the authors' `tanh_constant`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fawkes1Settings(Settings):
    """The settings of the last version with a target, in its mode "mid".

    Attributes:
        steps: of Adadelta.
        eps: largest change of a channel; version 1.0 has it.
        rate: learning rate.
        decay: of Adadelta's two means.
        ground: added to both of them before their roots are taken.
        start: the change in tanh space that is started from.
        grain: weight of the square of the DSSIM that is too much.
        slack: deltas with so much of the DSSIM asked for may be kept; version 1.0 has it.
    """

    steps: int = 200
    eps: float = 15 / 255
    rate: float = 20.0
    decay: float = 0.95
    ground: float = 1e-8
    start: float = 1e-6
    grain: float = 1e9
    slack: float = 1.1


class Fawkes1(Recipe):
    """Fawkes 1.

    Same: one surrogate and no views; the distance of the features to those of somebody unlike the person, and the
    square of the DSSIM that is over the budget, times 1e9; 200 steps of Adadelta at a rate of 20 on the arctanh of the
    picture; the best deltas are kept. That is the code of 2020 in its mode "mid". From version 1.0: changes are cut at
    15/255, and deltas far over the budget are not kept.

    Different: version 1.0 goes away from oneself; the paper, and this, towards a target. The target is the mean of
    another person's faces, the most unlike one of the pool, where theirs is one of the twenty most unlike in a pool of
    hundreds and each photo gets another photo of the target. The surrogate sees an aligned face, theirs the box that
    MTCNN found.

    Args:
        surrogates: the first is used.
        settings: see there.
        target: float (N, D), or (D,) for all faces, L2-normalised: the embedding of each face's target.
        dssim: of the written face.
        seed: of every random draw.

    Source: Shan et al. 2020, "Fawkes: Protecting Privacy against Unauthorized Deep Learning Models", USENIX Security,
        and its code of 2020 (Shawn-Shan/fawkes).
    """

    def __init__(
        self,
        surrogates: Sequence[Surrogate],
        settings: Fawkes1Settings,
        *,
        target: torch.Tensor,
        dssim: float,
        seed: int,
    ) -> None:
        super().__init__(surrogates[:1], settings, dssim=dssim, seed=seed)
        self.settings = settings
        self.target = target

    def start(self, scene: Scene) -> torch.Tensor:
        """Return a very small change in tanh space, float (N, 3, S, S)."""
        return torch.full_like(scene.crops, self.settings.start)

    def render(self, latents: torch.Tensor, scene: Scene) -> torch.Tensor:
        """Return crops changed in tanh space."""
        centred = (2 * scene.crops - 1) * INSIDE
        moved = torch.tanh(torch.atanh(centred) + latents) / INSIDE
        eps = self.settings.eps
        return scene.apply(((moved + 1) / 2 - scene.crops).clamp(-eps, eps) * scene.masks)

    def losses(
        self,
        changed: torch.Tensor,
        scene: Scene,
        own: Sequence[torch.Tensor],  # noqa: ARG002 -- a hook
        step: int,  # noqa: ARG002
        generator: torch.Generator,  # noqa: ARG002
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the sum of distance and weighted excess, and the distance as the score where DSSIM allows it."""
        (surrogate,) = self.surrogates
        distances = (surrogate(align(changed, scene.landmarks, surrogate)) - self.target).norm(dim=1)
        grain, limits = scene.dssim(changed), self.limits(scene)
        losses = distances + self.settings.grain * torch.relu(grain - limits).square()
        return losses, distances.detach().masked_fill(grain.detach() > self.settings.slack * limits, torch.inf)

    def step(
        self, deltas: torch.Tensor, gradient: torch.Tensor, momentum: torch.Tensor, scene: Scene, rate: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take a step of Adadelta. Source: Zeiler 2012, algorithm 1."""
        del scene, rate
        decay, ground = self.settings.decay, self.settings.ground
        squares = decay * momentum[0] + (1 - decay) * gradient.square()
        change = gradient * ((momentum[1] + ground) / (squares + ground)).sqrt()
        moves = decay * momentum[1] + (1 - decay) * change.square()
        return deltas - self.settings.rate * change, torch.stack([squares, moves])

    def project(self, deltas: torch.Tensor, scene: Scene) -> torch.Tensor:
        """Return latents as they are: `render` sees to eps."""
        del scene
        return deltas
