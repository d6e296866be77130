"""The search for deltas: a loop with four hooks.

To try an idea, subclass `Attack` and replace one of `start`, `objective`, `step` or `project`; the rest stays as it is.
"""

import math
from collections.abc import Sequence

import torch

from cloak.attack.objectives import dodge
from cloak.attack.projection import fit, project
from cloak.attack.scene import Scene, normalised
from cloak.attack.views import Surrogate, look, references
from cloak.config import AttackConfig
from cloak.errors import ConfigError
from cloak.photo import FaceBatch


class Attack:
    """Finds deltas that lower an objective on random surrogates and views, inside a visibility budget.

    Projected steepest descent with momentum in the metric of the budget: a step is normalised, face by face, to a
    share of the whole budget, goes farther where a change costs less (`Scene.unit`), and is followed by a projection
    onto the exact budget. One surrogate and one view a step.

    Args:
        surrogates: at least one.
        config: budget, steps, step sizes, views, seed.

    Raises:
        ConfigError: there is no surrogate.

    Source: Madry et al. 2018 (projected gradient descent), Dong et al. 2018 (momentum), Athalye et al. 2018
        (expectation over transformation), Zhao et al. 2020 (steps in a perceptual metric).
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
        clean = self._references(scene)
        deltas, momentum = self.start(scene), torch.zeros_like(scene.crops)
        for step, index in enumerate(self._order(generator)):
            gradient = self._gradient(deltas, scene, index, clean[index], generator)
            rate = self.config.rate * (0.5 + 0.5 * math.cos(math.pi * step / self.config.steps))
            deltas, momentum = self.step(deltas, gradient, momentum, scene, rate)
            deltas = self.project(deltas, scene)
        return fit(deltas, scene, self.config.budget)

    def start(self, scene: Scene) -> torch.Tensor:
        """Return the first deltas, float (N, 3, S, S), inside the budget."""
        return torch.zeros_like(scene.crops)

    def objective(self, embeddings: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        """Return the losses (N,) of embeddings (N, D), given those of the clean faces."""
        return dodge(embeddings, references, self.config.margin)

    def step(
        self, deltas: torch.Tensor, gradient: torch.Tensor, momentum: torch.Tensor, scene: Scene, rate: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Move against the gradient.

        Args:
            deltas: float (N, 3, S, S).
            gradient: of the objective by the deltas, the same shape.
            momentum: what the last step returned.
            scene: the batch.
            rate: share of the budget to spend.

        Returns:
            new deltas, new momentum.
        """
        momentum = self.config.momentum * momentum + normalised(gradient * scene.unit, scene)
        # A change of this size everywhere, in units, has the DSSIM of the whole budget.
        size = rate * math.sqrt(2 * self.config.budget.dssim)
        return deltas - size * scene.unit * normalised(momentum, scene), momentum

    def project(self, deltas: torch.Tensor, scene: Scene) -> torch.Tensor:
        """Return deltas inside the budget."""
        return project(deltas, scene, self.config.budget)

    def _references(self, scene: Scene) -> list[torch.Tensor]:
        """Return what each surrogate makes of the clean faces, (N, D)."""
        generator = torch.Generator().manual_seed(self.config.seed)
        views, looks = self.config.views, self.config.looks
        return [
            references(scene.crops, scene.landmarks, surrogate, views, generator, looks=looks)
            for surrogate in self.surrogates
        ]

    def _gradient(
        self, deltas: torch.Tensor, scene: Scene, index: int, references: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        deltas = deltas.detach().requires_grad_(True)
        surrogate = self.surrogates[index]
        view = look(scene.apply(deltas), scene.landmarks, surrogate, self.config.views, generator)
        loss = self.objective(surrogate(view), references).sum()
        (gradient,) = torch.autograd.grad(loss, deltas)
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
