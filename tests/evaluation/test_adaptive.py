"""Engines that train on cloaks: on two people who ship, with a change that a few steps can learn to see through."""

from pathlib import Path

import pytest
import torch

from cloak.evaluation.adaptive import Denoiser, Example, Training, denoised, fine_tuned
from cloak.evaluation.finders import YuNetFinder, crop
from cloak.evaluation.victims import FaceCrop, RegistryVictim
from cloak.faces.central import central
from cloak.image.codec import decode

FEW = Training(steps=10, batch=2)


@pytest.fixture(scope="module")
def examples(people: Path) -> list[Example]:
    finder, made = YuNetFinder(), []
    for name in ("collins", "hopper"):
        pixels = decode((people / name / "00.jpg").read_bytes()).pixels
        face = central(finder.find(pixels), pixels)
        assert face
        clean = crop(pixels, face)
        stripes = 40 * torch.sin(torch.arange(clean.pixels.shape[2]) * 0.9)
        cloaked = (clean.pixels.float() + stripes).clamp(0, 255).to(torch.uint8)
        made.append(Example(clean, FaceCrop(pixels=cloaked, landmarks=clean.landmarks)))
    return made


def likeness(victim: object, base: RegistryVictim, examples: list[Example]) -> float:
    """How like the clean faces, as the untrained one sees them, an engine finds the cloaked ones."""
    seen = victim.embed([example.cloaked for example in examples])  # type: ignore[attr-defined]
    return float((seen * base.embed([example.clean for example in examples])).sum(1).mean())


@pytest.mark.slow
@pytest.mark.parametrize("adapt", [fine_tuned, denoised])
def test_an_engine_that_trained_on_cloaks_sees_more_of_the_person(adapt, examples: list[Example]) -> None:
    base = RegistryVictim("mobilefacenet_fxz")
    before = likeness(base, base, examples)
    weights = {name: tensor.clone() for name, tensor in base.recogniser.state_dict().items()}
    adapted = adapt(base, examples, FEW)
    assert likeness(adapted, base, examples) > before + 0.01
    assert adapted.key != base.key
    assert adapted.key == adapt(base, examples, FEW).key
    assert all(torch.equal(tensor, weights[name]) for name, tensor in base.recogniser.state_dict().items())


def test_a_denoiser_that_learnt_nothing_changes_nothing() -> None:
    faces = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Denoiser()(faces), faces)
