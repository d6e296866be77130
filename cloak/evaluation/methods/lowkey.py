"""LowKey: away from oneself, plain and blurred, with an eye on LPIPS."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cloak.attack import Scene, Surrogate, align
from cloak.attack.budget import blur, gaussian
from cloak.evaluation.methods.recipe import Recipe, Settings
from cloak.evaluation.victims import ARCFACE
from cloak.faces.geometry import similarity, warp
from cloak.models.networks.lpips_alex import Lpips

SIDE = 112
"""Side of the aligned face, in ArcFace's template, that blur and LPIPS are defined on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LowKeySettings(Settings):
    """The authors' settings.

    Attributes:
        steps: sign steps.
        eps: none.
        rate: size of a step.
        noise: size of the uniform noise that is started from.
        alpha: weight of LPIPS. The authors' 0.05 is for features whose distance is averaged over 512 numbers and
            whose length is that of 512 numbers of variance 1; for unit vectors that is 0.05 sqrt(512).
        sigma: of the blur, in pixels of an aligned face of 112.
        radius: of its window, which is cut off early: 7 pixels wide.
    """

    steps: int = 50
    eps: float = 1.0
    rate: float = 0.0025
    noise: float = 0.005
    alpha: float = 0.05 * math.sqrt(512)
    sigma: float = 3.0
    radius: int = 3


class LowKey(Recipe):
    """LowKey.

    Same: the objective, squared distance of features from those of the clean face, of the plain and of the blurred
    face, averaged over all surrogates, minus weighted LPIPS (half of the aligned face, half of the whole picture);
    signed steps of 0.0025, 50 of them, from uniform noise of 0.005; the last step is the result.

    Different: their surrogates were four networks of the ResNet-152 class, ours are given. The blur is taken of each
    surrogate's aligned face, in proportion, so that it does not depend on the photo's resolution. The change is kept
    within the DSSIM asked for at every step, so that it is searched for at the size at which it will be seen (scaled
    down at the end alone, it protected less); the authors limit it by LPIPS alone.

    Args:
        surrogates: at least one.
        settings: see there.
        lpips: AlexNet.
        dssim: of the written face.
        seed: of every random draw.

    Source: Cherepanova et al. 2021, "LowKey: Leveraging Adversarial Attacks to Protect Social Media Users from Facial
        Recognition", ICLR, and the code that came with it.
    """

    def __init__(
        self, surrogates: Sequence[Surrogate], settings: LowKeySettings, *, lpips: Lpips, dssim: float, seed: int
    ) -> None:
        super().__init__(surrogates, settings, dssim=dssim, seed=seed)
        self.settings = settings
        self.lpips = lpips

    def start(self, scene: Scene) -> torch.Tensor:
        """Return uniform noise, float (N, 3, S, S)."""
        return self.draw(scene, self.settings.noise)

    def losses(
        self,
        changed: torch.Tensor,
        scene: Scene,
        own: Sequence[torch.Tensor],
        step: int,  # noqa: ARG002 -- a hook
        generator: torch.Generator,  # noqa: ARG002
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return weighted LPIPS minus the mean squared distance, and no score."""
        distances = [
            (surrogate(view) - before).square().sum(1)
            for surrogate, before in zip(self.surrogates, own, strict=True)
            for view in self._views(align(changed, scene.landmarks, surrogate))
        ]
        losses = self.settings.alpha * self._lpips(changed, scene) - torch.stack(distances).mean(0)
        return losses, torch.full_like(losses, torch.inf)

    def step(
        self, deltas: torch.Tensor, gradient: torch.Tensor, momentum: torch.Tensor, scene: Scene, rate: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Move each channel by the same amount."""
        del scene, rate
        return deltas - self.settings.rate * gradient.sign(), momentum

    def project(self, deltas: torch.Tensor, scene: Scene) -> torch.Tensor:
        """Return deltas of the DSSIM asked for at most, nearly: it grows with the square of a change."""
        grain = scene.dssim(self.render(deltas, scene)).clamp_min(1e-12)
        return deltas * (self.limits(scene) / grain).clamp(max=1).sqrt()[:, None, None, None]

    def _views(self, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scale = faces.shape[-1] / SIDE
        sigma = torch.tensor([self.settings.sigma * scale], device=faces.device)
        return faces, blur(faces, gaussian(sigma, radius=round(self.settings.radius * scale)))

    def _lpips(self, changed: torch.Tensor, scene: Scene) -> torch.Tensor:
        to_face = similarity(scene.landmarks, torch.tensor(ARCFACE, device=changed.device))
        before, after = (warp(images, to_face, SIDE, antialias=True) for images in (scene.crops, changed))
        seen: torch.Tensor = (self.lpips(before, after) + self.lpips(scene.crops, changed)) / 2
        return seen
