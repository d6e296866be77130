"""The search for deltas: a loop with four hooks.

To try an idea, subclass `Attack` and replace one of `start`, `objective`, `step` or `project`; the rest stays as it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cloak.attack.objectives import dodge
from cloak.attack.projection import fit, penalty, project
from cloak.attack.scene import Scene
from cloak.attack.views import Surrogate, align, look
from cloak.config import AttackConfig
from cloak.errors import ConfigError
from cloak.photo import FaceBatch

BETAS = (0.9, 0.999)
TINY = 1e-10
"""Adam's constants; gradients here are around 1e-4, so its usual 1e-8 would do as well."""


@dataclass(slots=True)
class Moments:
    """Adam's running means: float (N, 3, S, S) each, and how many steps are in them."""

    first: torch.Tensor
    second: torch.Tensor
    steps: int = 0


class Attack:
    """Finds deltas that lower an objective on random surrogates and views, inside a visibility budget.

    Adam on the objective plus the penalty for leaving the budget: one surrogate and one view a step, and steps that
    are larger where a change costs less (`Scene.unit`).

    Args:
        surrogates: at least one.
        config: budget, steps, step sizes, views, seed.

    Raises:
        ConfigError: there is no surrogate.

    Source: Kingma and Ba 2015 (Adam); Athalye et al. 2018 (expectation over transformation).
    """

    def __init__(self, surrogates: Sequence[Surrogate], config: AttackConfig) -> None:
        if not surrogates:
            raise ConfigError("an attack needs at least one surrogate, got none")
        self.surrogates = tuple(surrogates)
        self.config = config

    def __call__(self, batch: FaceBatch) -> torch.Tensor:
        """Search.

        Args:
            batch: any number of faces of one frame size, on any device.

        Returns:
            float32 (N, 3, S, S) on the surrogates' device, inside the budget, zero where the masks are, and such that
            crops + deltas are in [0, 1].
        """
        device = self.surrogates[0].template.device
        scene = Scene.of(batch, device)
        generator = torch.Generator().manual_seed(self.config.seed)
        with torch.no_grad():
            references = [surrogate(align(scene.crops, scene.landmarks, surrogate)) for surrogate in self.surrogates]
        shape = self.start(scene)
        moments = Moments(torch.zeros_like(shape), torch.zeros_like(shape))
        for step, index in enumerate(self._order(generator)):
            gradient = self._gradient(shape, scene, index, references[index], generator)
            rate = self.config.rate * (0.5 + 0.5 * math.cos(math.pi * step / self.config.steps))
            shape = self.step(shape, gradient, moments, rate)
        return fit(self.project(shape * scene.unit, scene), scene, self.config.budget)

    def start(self, scene: Scene) -> torch.Tensor:
        """Return the first shapes, float (N, 3, S, S): deltas in units of `scene.unit`, which is what steps work on."""
        return torch.zeros_like(scene.crops)

    def objective(self, embeddings: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        """Return the losses (N,) of embeddings (N, D), given those of the clean faces."""
        return dodge(embeddings, references, self.config.margin)

    def step(self, shape: torch.Tensor, gradient: torch.Tensor, moments: Moments, rate: float) -> torch.Tensor:
        """Move against the gradient by about `rate` everywhere.

        Args:
            shape: float (N, 3, S, S).
            gradient: of the loss by the shape, float (N, 3, S, S).
            moments: the memory, changed in place.
            rate: step size in [0, 1] units.

        Returns:
            new shapes.
        """
        moments.steps += 1
        moments.first.lerp_(gradient, 1 - BETAS[0])
        moments.second.lerp_(gradient.square(), 1 - BETAS[1])
        first = moments.first / (1 - BETAS[0] ** moments.steps)
        second = moments.second / (1 - BETAS[1] ** moments.steps)
        return shape - rate * first / (second.sqrt() + TINY)

    def project(self, deltas: torch.Tensor, scene: Scene) -> torch.Tensor:
        """Return the nearest deltas that may be seen by a surrogate."""
        return project(deltas, scene, self.config.budget)

    def _gradient(
        self, shape: torch.Tensor, scene: Scene, index: int, references: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        shape = shape.detach().requires_grad_(True)
        surrogate = self.surrogates[index]
        deltas = self.project(shape * scene.unit, scene)
        view = look(scene.apply(deltas), scene.landmarks, surrogate, self.config.views, generator)
        loss = self.objective(surrogate(view), references) + penalty(deltas, scene, self.config.budget)
        (gradient,) = torch.autograd.grad(loss.sum(), shape)
        return gradient

    def _order(self, generator: torch.Generator) -> list[int]:
        """Return which surrogate each step uses: all of them in turn, in an order drawn anew each round."""
        count = len(self.surrogates)
        rounds = -(-self.config.steps // count)
        order = [index for _ in range(rounds) for index in torch.randperm(count, generator=generator).tolist()]
        return order[: self.config.steps]


def attack(batch: FaceBatch, surrogates: Sequence[Surrogate], config: AttackConfig) -> torch.Tensor:
    """Cloak a batch of faces: `Attack(surrogates, config)(batch)`."""
    return Attack(surrogates, config)(batch)
