"""Protocol F: engines that know the cloak. They train on photos of public people, clean and cloaked, then judge others.

Three of them: a recogniser fine-tuned to see through cloaks, a denoiser in front of one, and a search for the
compression that undoes most. No cloak that is known holds against the first; the fall belongs into every table.

Source: Radiya-Dixit et al. 2022, Data Poisoning Won't Save You From Facial Recognition; Fan et al. 2025, FaceCure.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from cloak.attack.views import align, look
from cloak.config import Views
from cloak.evaluation.conditions import NONE
from cloak.evaluation.dataset import PhotoFile
from cloak.evaluation.observer import Observer
from cloak.evaluation.victims import FaceCrop, RegistryVictim
from cloak.models import Profile, Recogniser, load_recogniser

UNDOING = (NONE, "jpeg75", "jpeg50", "half", "blur1", "median5", "longest640", "site:profile-picture")
"""Conditions that an engine may try before it looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How an engine adapts.

    Attributes:
        steps: of Adam.
        batch: pairs of a clean and a cloaked face a step.
        rate: of Adam, for fine-tuning.
        denoiser_rate: of Adam, for the denoiser.
        views: jitter of what it trains on.
        seed: of every random draw.
    """

    steps: int = 150
    batch: int = 12
    rate: float = 2e-4
    denoiser_rate: float = 2e-3
    views: Views = Views(landmarks=0.03, scale=0.05, rotation=0.04, shift=0.01, degrade=0.3)  # noqa: RUF009 -- frozen
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """A face of a public person, before and after."""

    clean: FaceCrop
    cloaked: FaceCrop


class AdaptedVictim:
    """A recogniser that was trained on cloaks.

    Args:
        embed: aligned faces (N, 3, s, s) in [0, 1] to float (N, D), L2-normalised.
        base: what it came from.
        how: for tables.
        state: the weights that were trained, for the key.
    """

    def __init__(
        self, embed: Callable[[torch.Tensor], torch.Tensor], base: RegistryVictim, how: str, state: nn.Module
    ) -> None:
        self.name = f"{base.name}, {how}"
        self.weights, self.dim = base.weights, base.dim
        digest = hashlib.sha256(base.key.encode())
        for name, tensor in state.state_dict().items():
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        self.key = digest.hexdigest()[:16]
        self._embed = embed
        self._recogniser = base.recogniser

    @torch.inference_mode()
    def embed(self, faces: Sequence[FaceCrop]) -> torch.Tensor:
        """Embed N faces as float32 (N, D), L2-normalised, on the CPU."""
        return torch.cat([self._embed(_shown(face, self._recogniser)).float().cpu() for face in faces])


def examples(observer: Observer, clean: Sequence[PhotoFile], cloaked: Sequence[PhotoFile]) -> list[Example]:
    """Pair up faces of public people; photos in which no face is found are left out."""
    pairs = [(observer.look(before), observer.look(after)) for before, after in zip(clean, cloaked, strict=True)]
    return [Example(before, after) for before, after in pairs if before and after]


def fine_tuned(base: RegistryVictim, public: Sequence[Example], training: Training) -> AdaptedVictim:
    """Train a copy of a recogniser to see the same person in a face before and after.

    Loss: 1 minus the cosine between what it makes of either and what the untrained one makes of the clean face.
    """
    device = base.recogniser.template.device
    student = load_recogniser(base.name, device=device, profile=Profile.RESEARCH).requires_grad_(requires_grad=True)
    # Slopes of frozen activations get no gradient, and need none.
    optimiser = torch.optim.Adam(student.parameters(), training.rate)

    def loss(clean: torch.Tensor, cloaked: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        both = F.cosine_similarity(student(torch.cat([clean, cloaked])), torch.cat([truth, truth]))
        return 2 * (1 - both.mean())

    _train(base.recogniser, public, training, optimiser, loss)
    student.requires_grad_(requires_grad=False)
    return AdaptedVictim(student, base, "fine-tuned on cloaks", student)


def denoised(base: RegistryVictim, public: Sequence[Example], training: Training) -> AdaptedVictim:
    """Train a denoiser that turns cloaked faces back, and put it in front of a recogniser.

    Loss: mean absolute error, and 1 minus the cosine between what the recogniser makes of the two.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        denoiser = Denoiser().to(base.recogniser.template.device)
    optimiser = torch.optim.Adam(denoiser.parameters(), training.denoiser_rate)

    def loss(clean: torch.Tensor, cloaked: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        cleaned: torch.Tensor = denoiser(cloaked)
        kept: torch.Tensor = denoiser(clean)
        unlike = 1 - F.cosine_similarity(base.recogniser(cleaned), truth).mean()
        return 5 * (cleaned - clean).abs().mean() + 5 * (kept - clean).abs().mean() + unlike

    _train(base.recogniser, public, training, optimiser, loss)
    denoiser.requires_grad_(requires_grad=False)
    return AdaptedVictim(lambda faces: base.recogniser(denoiser(faces)), base, "denoiser in front", denoiser)


def best_undoing(
    observer: Observer, base: RegistryVictim, clean: Sequence[PhotoFile], cloaked: Sequence[PhotoFile]
) -> str:
    """Return the condition under which cloaked photos of public people are most like the clean ones."""
    truth = observer.recall(clean, base, NONE)
    likeness = {}
    for condition in UNDOING:
        seen = observer.recall(cloaked, base, condition)
        both = truth.found & seen.found
        likeness[condition] = float((truth.vectors * seen.vectors).sum(1)[both].mean())
    return max(likeness, key=lambda condition: likeness[condition])


class Denoiser(nn.Module):
    """A small convolutional autoencoder with a skip connection: float (N, 3, s, s) in [0, 1] to the same."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.middle = nn.Sequential(
            *(nn.Sequential(nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.ReLU()) for _ in range(3))
        )
        self.up = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.leave = nn.Conv2d(width, 3, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.constant_(cast("nn.Parameter", self.leave.bias), 0.0)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Return what the faces may have been before."""
        fine = F.relu(self.enter(faces))
        coarse = self.middle(F.relu(self.down(fine)))
        change: torch.Tensor = self.leave(F.relu(self.up(coarse)) + fine)
        return (faces + change).clamp(0, 1)


def _train(
    recogniser: Recogniser,
    public: Sequence[Example],
    training: Training,
    optimiser: torch.optim.Optimizer,
    loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
) -> None:
    generator = torch.Generator().manual_seed(training.seed)
    with torch.no_grad():
        truth = torch.cat([recogniser(_shown(example.clean, recogniser)) for example in public])
    for _ in range(training.steps):
        rows = torch.randint(len(public), (min(training.batch, len(public)),), generator=generator).tolist()
        state = generator.get_state()
        clean = _views([public[row].clean for row in rows], recogniser, training.views, generator)
        generator.set_state(state)  # the same draws for both
        cloaked = _views([public[row].cloaked for row in rows], recogniser, training.views, generator)
        optimiser.zero_grad()
        torch.autograd.backward(loss(clean, cloaked, truth[rows]))
        optimiser.step()


def _views(faces: Sequence[FaceCrop], recogniser: Recogniser, views: Views, generator: torch.Generator) -> torch.Tensor:
    device = recogniser.template.device
    return torch.cat(
        [
            look(
                face.pixels[None].to(device).float() / 255,
                face.landmarks[None].to(device),
                recogniser,
                views,
                generator,
            )
            for face in faces
        ]
    )


def _shown(face: FaceCrop, recogniser: Recogniser) -> torch.Tensor:
    device = recogniser.template.device
    return align(face.pixels[None].to(device).float() / 255, face.landmarks[None].to(device), recogniser)
