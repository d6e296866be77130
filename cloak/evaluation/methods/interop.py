"""Our recognisers as models of foolbox and torchattacks, and attacks of theirs as methods.

A recogniser tells how much alike two faces are; those libraries attack classifiers. `SamePerson` makes one of a
recogniser and a reference: does this face show the person, or somebody else?

    model = foolbox.PyTorchModel(SamePerson(recogniser, embedding).eval(), bounds=(0, 1))
    attack = torchattacks.MIFGSM(SamePerson(recogniser, embedding).eval())
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TypeAlias

import torch
from torch import nn

from cloak.attack import Scene, align
from cloak.errors import MissingExtraError
from cloak.evaluation.methods.base import Deltas, reach, rows_of
from cloak.models import Recogniser
from cloak.photo import FaceBatch

SAME, OTHER = 0, 1
"""The classes."""

FALSE_ACCEPTS = 1e-3
"""The false accept rate at whose threshold both classes are as likely."""

SCALE = 10.0
"""Logits for a unit of cosine: enough to be sure of a face that is the reference itself, not so much that gradients
vanish."""

Attacker: TypeAlias = Callable[[nn.Module, torch.Tensor, torch.Tensor, float], torch.Tensor]
"""A classifier, images (N, 3, S, S) in [0, 1], labels (N,) and eps to images that it takes for something else."""


class SamePerson(nn.Module):
    """A recogniser as a classifier of aligned faces, with the classes `SAME` and `OTHER`.

    Args:
        recogniser: its gradients flow.
        references: float (D,) or (N, D), L2-normalised, whom to look for: in all faces, or one in each.
        scale: logits for a unit of cosine, counted from the threshold for a FAR of 1e-3.
    """

    references: torch.Tensor

    def __init__(self, recogniser: Recogniser, references: torch.Tensor, *, scale: float = SCALE) -> None:
        super().__init__()
        self.recogniser = recogniser
        self.scale = scale
        self.register_buffer("references", references.detach())

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Classify aligned faces, float (N, 3, s, s) in [0, 1]: logits, float (N, 2)."""
        threshold = self.recogniser.thresholds[FALSE_ACCEPTS]
        alike = (self.recogniser(faces) * self.references).sum(1)
        logits = self.scale * (alike - threshold)
        return torch.stack([logits, -logits], 1)


class SameInFrame(nn.Module):
    """All surrogates together as one classifier of faces in our frame, through our mask and alignment.

    The reference is the mean of a face and its mirror image, as many engines embed; that the clean face is not quite
    the reference gives attacks that start from it a gradient.

    Args:
        recognisers: at least one.
        scene: the clean faces.
    """

    def __init__(self, recognisers: Sequence[Recogniser], scene: Scene) -> None:
        super().__init__()
        self.scene = scene
        self.recognisers = tuple(recognisers)
        self.judges = nn.ModuleList(SamePerson(r, _reference(r, scene)) for r in recognisers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify the scene's faces, changed: float (N, 3, S, S) in [0, 1] to logits (N, 2)."""
        scene = self.scene
        changed = scene.crops + (images - scene.crops) * scene.masks
        logits = [
            judge(align(changed, scene.landmarks, recogniser))
            for recogniser, judge in zip(self.recognisers, self.judges, strict=True)
        ]
        return torch.stack(logits).mean(0)


@torch.no_grad()
def _reference(recogniser: Recogniser, scene: Scene) -> torch.Tensor:
    faces = align(scene.crops, scene.landmarks, recogniser)
    return nn.functional.normalize(recogniser(faces) + recogniser(faces.flip(-1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSettings:
    """What an attack of another library is called with.

    Attributes:
        steps: gradient steps.
        part: a step is such a part of eps.
    """

    steps: int
    part: float


PGD = ForeignSettings(steps=40, part=1 / 30)
"""foolbox's defaults."""

MIFGSM = ForeignSettings(steps=10, part=1 / 4)
"""torchattacks' defaults."""


def pgd(settings: ForeignSettings) -> Attacker:
    """Return foolbox's `LinfPGD`, from a random start.

    Raises:
        MissingExtraError: foolbox is not installed.

    Source: Madry et al. 2018; Rauber et al. 2017 (foolbox).
    """
    foolbox = import_foolbox()
    attack = foolbox.attacks.LinfPGD(steps=settings.steps, rel_stepsize=settings.part, random_start=True)

    def run(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, eps: float) -> torch.Tensor:
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=images.device)
        found: torch.Tensor = attack.run(wrapped, images, foolbox.criteria.Misclassification(labels), epsilon=eps)
        return found

    return run


def mifgsm(settings: ForeignSettings) -> Attacker:
    """Return torchattacks' `MIFGSM`, with its decay of 1.

    Raises:
        MissingExtraError: torchattacks is not installed.

    Source: Dong et al. 2018; Kim 2020 (torchattacks).
    """
    torchattacks = import_torchattacks()

    def run(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, eps: float) -> torch.Tensor:
        attack = torchattacks.MIFGSM(model, eps=eps, alpha=eps * settings.part, steps=settings.steps)
        found: torch.Tensor = attack(images, labels)
        return found

    return run


class Foreign:
    """An attack of another library on faces in our frame.

    Each face is attacked by itself, at the eps at which random signs have the DSSIM asked for; what comes out is
    scaled to have it exactly.

    Args:
        recognisers: at least one.
        attacker: see `pgd` and `mifgsm`.
        dssim: of the written face.
        seed: of every random draw.
    """

    def __init__(self, recognisers: Sequence[Recogniser], attacker: Attacker, *, dssim: float, seed: int) -> None:
        self.recognisers = tuple(recognisers)
        self.attacker = attacker
        self.dssim = dssim
        self.seed = seed

    def plan(self, batches: Sequence[FaceBatch], people: torch.Tensor) -> Deltas:
        """Plan to attack each face by itself."""
        del batches, people
        return lambda batch: torch.cat([self._attack(batch, index) for index in range(len(batch))])

    def _attack(self, batch: FaceBatch, index: int) -> torch.Tensor:
        device = batch.crops.device
        scene = Scene.of(rows_of(batch, slice(index, index + 1), device), device)
        model = SameInFrame(self.recognisers, scene).eval()
        labels = torch.full((1,), SAME, device=scene.crops.device)
        # Their random starts come from the global generators.
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            images = self.attacker(model, scene.crops, labels, self._eps(scene))
        return (images - scene.crops) * scene.masks

    def _eps(self, scene: Scene) -> float:
        generator = torch.Generator().manual_seed(self.seed)
        signs = torch.randn(scene.crops.shape, generator=generator).sign().to(scene.crops)
        return float(reach(signs * scene.masks / 255, scene, self.dssim).abs().max())


def import_foolbox() -> ModuleType:
    """Import foolbox, which warns of what it imports itself.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # foolbox 3.3.4 takes gaussian_filter from a namespace that scipy is about to remove.
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module("foolbox")
    except ImportError as error:
        raise MissingExtraError("attacks of foolbox", "eval") from error


def import_torchattacks() -> ModuleType:
    """Import torchattacks.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module("torchattacks")
    except ImportError as error:
        raise MissingExtraError("attacks of torchattacks", "eval") from error
