"""The parts that methods are made of."""

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from cloak.attack import Scene, align
from cloak.config import Budget
from cloak.errors import ConfigError
from cloak.evaluation.finders import crop
from cloak.evaluation.methods import SamePerson, Targets
from cloak.evaluation.methods.base import dithered, reach
from cloak.evaluation.methods.fawkes1 import Fawkes1, Fawkes1Settings
from cloak.evaluation.methods.fawkes2 import Fawkes2, Fawkes2Settings
from cloak.evaluation.methods.hull import nearest, to_simplex
from cloak.evaluation.methods.interop import OTHER, SAME, import_foolbox, import_torchattacks
from cloak.evaluation.methods.jpeg import jpeg
from cloak.evaluation.methods.opom import Opom, OpomSettings
from cloak.faces.detect import Detector
from cloak.faces.frame import frame
from cloak.image.codec import decode
from cloak.models import load_detector, load_recogniser

EXAMPLES = Path(__file__).parents[2] / "examples"
CPU = torch.device("cpu")


@cache
def sface():
    return load_recogniser("sface")


@cache
def example(name):
    photo = decode((EXAMPLES / name).read_bytes())
    (found,) = Detector(load_detector()).detect([photo.pixels])
    return photo, max(found, key=lambda face: face.size)


@cache
def batch():
    photo, face = example("collins.png")
    return frame([photo], [[face]])[0]


def aligned(name):
    photo, face = example(name)
    return align(photo.pixels[None].float() / 255, face.landmarks[None], sface())


def noise(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("quality", [40, 75, 90])
def test_jpeg_is_what_a_jpeg_file_is(quality):
    photo, _ = example("collins.png")
    pixels = photo.pixels[:, 100:260, 150:250]
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality, subsampling=0)
    file = torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1).float()
    ours = jpeg(pixels[None].float() / 255, quality)[0] * 255
    assert (ours - file).abs().mean() < 1.0  # a file rounds its pixels and its Y, Cb and Cr as well
    assert (ours - file).abs().mean() < 0.6 * (pixels.float() - file).abs().mean()


def test_jpeg_takes_any_size_and_lets_gradients_through():
    images = torch.rand(2, 3, 21, 30, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    seen = jpeg(images, 70)
    assert seen.shape == images.shape
    assert 0 <= seen.min() <= seen.max() <= 1
    (gradient,) = torch.autograd.grad((seen * noise(seen.shape)).sum(), images)
    assert gradient.abs().mean() > 0.1


def test_the_nearest_point_of_a_hull_is_nearer_than_any_other():
    corners, points = noise((5, 8)), 2 * noise((7, 8), seed=1)
    found = (points - nearest(points, corners)).norm(dim=1)
    weights = torch.distributions.Dirichlet(torch.full((5,), 0.3)).sample((4000,))
    others = torch.cdist(points, weights @ corners).amin(1)
    assert (found <= others + 1e-5).all()


def test_a_point_of_the_hull_is_nearest_to_itself():
    corners = noise((4, 6))
    inside = torch.tensor([[0.1, 0.2, 0.3, 0.4], [1.0, 0, 0, 0]]) @ corners
    torch.testing.assert_close(nearest(inside, corners), inside, atol=1e-3, rtol=0)
    torch.testing.assert_close(nearest(noise((3, 6), seed=2), corners[:1]), corners[:1].expand(3, -1))


def test_weights_on_a_simplex_stay_as_they_are_and_others_move_onto_it():
    kept = torch.tensor([[0.2, 0.3, 0.5], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(to_simplex(kept), kept)
    moved = to_simplex(noise((50, 6)) * 3)
    assert moved.min() >= 0
    torch.testing.assert_close(moved.sum(1), torch.ones(50))


@pytest.mark.parametrize("size", [0.001, 0.02, 0.3])
def test_reach_scales_up_and_down(size):
    scene = Scene.of(batch(), CPU)
    deltas = reach(noise(scene.crops.shape) * size * scene.masks, scene, 0.01)
    torch.testing.assert_close(scene.dssim(scene.apply(deltas)), scene.room * 0.01, rtol=1e-3, atol=0)
    assert (scene.crops + deltas).min() >= -1e-6


def test_reach_leaves_no_change_as_it_is():
    scene = Scene.of(batch(), CPU)
    assert reach(torch.zeros_like(scene.crops), scene, 0.01).abs().max() == 0


def test_dithering_is_right_in_the_mean_and_whole():
    deltas = torch.full_like(batch().crops, 2.4 / 255) * batch().masks
    whole = dithered(deltas, batch(), seed=0) * 255
    torch.testing.assert_close(whole, whole.round(), atol=1e-4, rtol=0)
    assert whole[batch().masks.expand_as(whole) == 1].mean() == pytest.approx(2.4, abs=0.02)
    assert whole[batch().masks.expand_as(whole) == 0].abs().max() == 0


def test_dithering_leaves_deltas_alone_that_are_enlarged():
    photo, face = example("phone.jpg")
    (large,) = frame([photo], [[face]])
    assert large.to_photo[0, 0, 0] > 1
    deltas = torch.full_like(large.crops, 2.4 / 255)
    assert torch.equal(dithered(deltas, large, seed=0), deltas)


def test_the_shipped_targets_are_people_of_the_examples():
    shipped = Targets.shipped()
    assert len(shipped.people) == 3
    for person, name in zip(shipped.people, ("collins.png", "phone.jpg"), strict=False):
        pool = Targets([person]).farthest([[torch.zeros(1, 128)]], [sface()])[0]
        assert float(sface()(aligned(name))[0] @ pool[0]) > 0.9
    assert shipped.key == Targets.shipped().key


def test_the_person_least_alike_is_the_target():
    people = [[crop(example(name)[0].pixels, example(name)[1])] for name in ("collins.png", "phone.jpg")]
    own = sface()(aligned("collins.png"))
    ((target,),) = Targets(people).farthest([[own]], [sface()])
    torch.testing.assert_close(target, sface()(aligned("phone.jpg"))[0], atol=0.02, rtol=0)
    assert Targets(people).key != Targets(people[:1]).key


@pytest.mark.parametrize("people", [[], [[]]])
def test_a_pool_without_faces_is_refused(people):
    with pytest.raises(ConfigError, match="at least one other person"):
        Targets(people)


def descend(recipe, optimiser):
    """Take three steps with a recipe, and with an optimiser of PyTorch."""
    scene = Scene.of(batch(), CPU)
    theirs = torch.zeros_like(scene.crops).requires_grad_(True)
    stepped, ours, momentum = optimiser([theirs]), torch.zeros_like(scene.crops), scene.crops.new_zeros(2, 1, 1, 1, 1)
    for step in range(3):
        theirs.grad = noise(scene.crops.shape, seed=step) * 10 ** (step - 3)
        ours, momentum = recipe.step(ours, theirs.grad, momentum, scene, step + 1)
        stepped.step()
    return ours, theirs.detach()


def test_fawkes_1_descends_with_adadelta():
    target = torch.zeros(128)
    recipe = Fawkes1([sface()], Fawkes1Settings(), target=target, dssim=0.01, seed=0)
    made = descend(recipe, lambda free: torch.optim.Adadelta(free, lr=20.0, rho=0.95, eps=1e-8))
    torch.testing.assert_close(*made, rtol=1e-4, atol=1e-6)


def test_fawkes_2_descends_with_adam():
    recipe = Fawkes2([sface()], Fawkes2Settings(), targets=[torch.zeros(128)], dssim=0.01, seed=0)
    made = descend(recipe, lambda free: torch.optim.Adam(free, lr=2 / 255, eps=255e-8))
    torch.testing.assert_close(*made, rtol=1e-4, atol=1e-6)


def test_fawkes_draws_a_face_to_its_target():
    own, other = sface()(aligned("collins.png"))[0], sface()(aligned("phone.jpg"))[0]
    for recipe in (
        Fawkes1([sface()], Fawkes1Settings(steps=12), target=other, dssim=0.0125, seed=0),
        Fawkes2([sface()], Fawkes2Settings(steps=13), targets=[other], dssim=0.0125, seed=0),
    ):
        changed = batch().crops + recipe(batch())
        cloaked = sface()(align(changed, batch().landmarks, sface()))[0]
        assert float(cloaked @ other) > float(own @ other) + 0.1


def test_one_mask_lies_on_the_same_part_of_every_face():
    plan = Opom([sface()], OpomSettings(steps=1), dssim=0.0125, seed=0)
    photos = [example("collins.png"), example("phone.jpg")]
    scenes = [Scene.of(each, CPU) for each in frame([p for p, _ in photos], [[f] for _, f in photos])]
    assert [scene.crops.shape[-1] for scene in scenes] == [224, 320]
    mask = plan.mask(scenes)
    assert mask.abs().max() <= OpomSettings().eps
    seen = [F.avg_pool2d(align(plan._laid(mask, scene), scene.landmarks, sface()), 8) for scene in scenes]
    inner = [tile[0, :, 4:-4, 4:-4].flatten() for tile in seen]
    assert torch.corrcoef(torch.stack(inner))[0, 1] > 0.8


def same_person(name="collins.png"):
    reference = sface()(aligned("collins.png"))[0]
    return SamePerson(sface(), reference).eval(), aligned(name)


def test_a_recogniser_is_a_classifier_of_the_same_and_other_people():
    model, herself = same_person()
    somebody = aligned("phone.jpg")
    assert model(herself).argmax(1).tolist() == [SAME]
    assert model(somebody).argmax(1).tolist() == [OTHER]
    threshold = sface().thresholds[1e-3]
    torch.testing.assert_close(model(herself)[0], torch.tensor([1.0, -1.0]) * model.scale * (1 - threshold))


def test_foolbox_can_attack_a_recogniser():
    foolbox = import_foolbox()
    model, faces = same_person()
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    labels = torch.tensor([SAME])
    assert foolbox.utils.accuracy(wrapped, faces, labels) == 1
    attack = foolbox.attacks.LinfPGD(steps=5, rel_stepsize=0.3)
    _, _, success = attack(wrapped, faces.clamp(0, 1), labels, epsilons=[8 / 255])
    assert success.all()


def test_torchattacks_can_attack_a_recogniser():
    model, faces = same_person()
    start = (faces + 0.01 * noise(faces.shape)).clamp(0, 1)  # at the reference itself there is no gradient
    attacked = import_torchattacks().MIFGSM(model, eps=8 / 255, alpha=2 / 255, steps=5)(start, torch.tensor([SAME]))
    assert (attacked - start).abs().max() <= 8 / 255 + 1e-6
    assert model(attacked).argmax(1).tolist() == [OTHER]


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="steps"):
        Fawkes2Settings(steps=0)
    with pytest.raises(ConfigError, match="eps"):
        OpomSettings(eps=8.0)
    with pytest.raises(ConfigError, match="dssim"):
        Budget(dssim=0.0)
