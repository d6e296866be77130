"""Published recipes in our loop: their objective, optimiser and start; our frame, mask, surrogates and visibility.

What is the same for all, whatever their authors did: deltas live at the photo's resolution in our frame, under our
mask; surrogates see them through our alignment, all of them at every step; the DSSIM asked for takes the place of the
authors' own, and what comes out is scaled to reach it exactly (`PlannedMethod`). Colour and luma are not limited,
because no recipe limits them.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cloak.attack import Attack, Scene, Surrogate
from cloak.config import AttackConfig, Budget
from cloak.errors import ConfigError
from cloak.evaluation.methods.base import embed, per_image
from cloak.photo import FaceBatch

UNLIMITED = 255.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every recipe has.

    Attributes:
        steps: gradient steps.
        eps: largest change of a channel while it is searched for, in [0, 1] units.
    """

    steps: int
    eps: float

    def __post_init__(self) -> None:
        if self.steps < 1 or not 0 < self.eps <= 1:
            raise ConfigError(f"steps must be at least 1 and eps in (0, 1], got {self.steps} and {self.eps:g}")


class Recipe(Attack, ABC):
    """An attack that uses every surrogate at every step and may keep its best deltas rather than its last.

    The hooks `start`, `step` and `project` are those of `Attack`, but that `momentum` holds two tensors like the
    deltas, float (2, N, 3, S, S), as Adam and Adadelta want, and `rate` is the number of the step, counted from 1:
    recipes know their own rates. `losses` takes the place of `objective`.

    Args:
        surrogates: at least one.
        settings: of the recipe.
        dssim: of the written face.
        seed: of every random draw.

    Raises:
        ConfigError: there is no surrogate.
    """

    def __init__(self, surrogates: Sequence[Surrogate], settings: Settings, *, dssim: float, seed: int) -> None:
        budget = Budget(eps=settings.eps, dssim=dssim, colour=UNLIMITED, luma=UNLIMITED)
        super().__init__(surrogates, AttackConfig(budget=budget, steps=settings.steps, seed=seed))

    def __call__(self, batch: FaceBatch) -> torch.Tensor:
        """Search: see `Attack`; what comes out has about the DSSIM asked for."""
        scene = Scene.of(batch, self.surrogates[0].template.device)
        generator = torch.Generator().manual_seed(self.config.seed)
        own = embed(scene, self.surrogates)
        latents = self.start(scene)
        momentum = latents.new_zeros(2, *latents.shape)
        best, least = latents, scene.room.new_full((len(batch),), torch.inf)
        for step in range(self.config.steps):
            free = latents.detach().requires_grad_(True)
            losses, scores = self.losses(self.render(free, scene), scene, own, step, generator)
            (gradient,) = torch.autograd.grad(losses.sum(), free)
            better = scores < least
            best, least = torch.where(per_image(better), latents, best), torch.where(better, scores, least)
            latents, momentum = self.step(latents, gradient, momentum, scene, step + 1)
            latents = self.project(latents, scene)
        chosen = torch.where(per_image(least.isinf()), latents, best)
        return self.render(chosen, scene) - scene.crops

    @abstractmethod
    def losses(
        self,
        changed: torch.Tensor,
        scene: Scene,
        own: Sequence[torch.Tensor],
        step: int,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Judge changed crops.

        Args:
            changed: float (N, 3, S, S) in [0, 1], to take gradients of.
            scene: their batch.
            own: the embeddings of the clean faces, (N, D) for each surrogate.
            step: counted from 0.
            generator: for chance; the number of draws does not depend on N.

        Returns:
            losses (N,) to descend; scores (N,), of which the least is kept: infinite if these deltas are not to be
            kept. Where nothing is, the last deltas are the result.
        """

    @abstractmethod
    def step(
        self, deltas: torch.Tensor, gradient: torch.Tensor, momentum: torch.Tensor, scene: Scene, rate: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Move against the gradient: see `Attack`, and the class about `momentum` and `rate`."""

    def render(self, latents: torch.Tensor, scene: Scene) -> torch.Tensor:
        """Return changed crops, float (N, 3, S, S) in [0, 1], from what is searched for: deltas, unless overridden."""
        return scene.apply(latents * scene.masks)

    def project(self, deltas: torch.Tensor, scene: Scene) -> torch.Tensor:  # noqa: ARG002 -- a hook
        """Return deltas within eps."""
        return deltas.clamp(-self.config.budget.eps, self.config.budget.eps)

    def limits(self, scene: Scene) -> torch.Tensor:
        """Return the DSSIM that deltas may have in the frame, float (N,)."""
        return scene.room * self.config.budget.dssim

    def draw(self, scene: Scene, size: float) -> torch.Tensor:
        """Draw uniform noise in [-size, size], float (N, 3, S, S), the same for all faces of a frame size."""
        generator = torch.Generator().manual_seed(self.config.seed)
        noise = torch.rand(scene.crops.shape[1:], generator=generator).to(scene.crops)
        return ((2 * noise - 1) * size).expand_as(scene.crops)
