from dataclasses import replace

import pytest
import torch

from cloak.attack import Attack, Scene, align, attack, fit, measure, project
from cloak.attack.budget import to_ycbcr
from cloak.config import AttackConfig, Budget, Strength
from cloak.errors import ConfigError
from cloak.faces.composite import composite
from cloak.faces.frame import frame
from cloak.photo import FaceBatch

from .pictures import a_face, a_photo

CONFIG = AttackConfig(steps=12)


def row_of(batch, row):
    fields = {name: getattr(batch, name)[row : row + 1] for name in FaceBatch.__slots__}
    return FaceBatch(**fields)


def cosines(batch, deltas, toys):
    scene = Scene.of(batch, torch.device("cpu"))
    before = [toy(align(scene.crops, scene.landmarks, toy)) for toy in toys]
    after = [toy(align(scene.apply(deltas), scene.landmarks, toy)) for toy in toys]
    return torch.stack([(a * b).sum(1) for a, b in zip(before, after, strict=True)])


@pytest.mark.parametrize("strength", list(Strength))
def test_deltas_stay_inside_the_budget(batch, toys, strength):
    config = replace(AttackConfig.preset(strength), steps=12)
    deltas = attack(batch, toys, config)
    seen = measure(batch.crops, batch.crops + deltas, batch.boxes)
    assert (seen.dssim <= config.budget.dssim * 1.001).all()
    assert (seen.colour <= config.budget.colour * 1.001).all()
    assert (seen.luma <= config.budget.luma * 1.001).all()
    assert (seen.eps <= config.budget.eps + 1e-6).all()


def test_a_face_cut_off_by_the_edge_gets_no_more_where_it_is_seen(toys):
    """The black beyond the edge does not count: else what is seen would have twice the grain."""
    (batch,) = frame([a_photo(0)], [[a_face(-24, 40, 50, 66)]])
    deltas = attack(batch, toys, CONFIG)
    seen = batch.boxes.clone()
    seen[:, 0] = -batch.to_photo[:, 0, 2]
    room = Scene.of(batch, torch.device("cpu")).room
    grain = measure(batch.crops, batch.crops + deltas, seen).dssim
    assert 0.9 * room * CONFIG.budget.dssim < grain <= room * CONFIG.budget.dssim * 1.001


def test_cloaks_of_people_cheek_by_cheek_do_not_add_up(toys):
    photo = a_photo(0, contrast=0.4)
    (batch,) = frame([photo], [[a_face(30, 40, 50, 66), a_face(72, 48, 50, 66)]])
    config = replace(CONFIG, budget=Budget(dssim=0.2, colour=9, luma=9, eps=6 / 255))
    deltas, changed = attack(batch, toys, config), photo.pixels
    for row in range(2):
        changed = composite(changed, batch, deltas, row)
    assert (changed.int() - photo.pixels.int()).abs().max() == 6


def test_cloaked_crops_stay_in_range(batch, toys):
    changed = batch.crops + attack(batch, toys, CONFIG)
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_nothing_changes_where_the_mask_is_zero(batch, toys):
    deltas = attack(batch, toys, CONFIG)
    assert (deltas * (batch.masks == 0)).abs().max() == 0
    assert deltas.abs().max() > 0


def test_the_same_budget_moves_a_face_much_farther_than_noise_does(batch, toys):
    scene = Scene.of(batch, torch.device("cpu"))
    noise = torch.randn(batch.crops.shape, generator=torch.Generator().manual_seed(0)) * scene.unit
    by_noise = 1 - cosines(batch, fit(noise, scene, CONFIG.budget), toys)
    by_attack = 1 - cosines(batch, attack(batch, toys, CONFIG), toys)
    assert (by_attack > 3 * by_noise).all()


def test_more_budget_protects_more(batch, toys):
    little = attack(batch, toys, replace(CONFIG, budget=Budget(dssim=0.002)))
    much = attack(batch, toys, replace(CONFIG, budget=Budget(dssim=0.02, colour=2, luma=4)))
    assert cosines(batch, much, toys).mean() < cosines(batch, little, toys).mean()


def test_same_seed_same_bytes(batch, toys):
    assert torch.equal(attack(batch, toys, CONFIG), attack(batch, toys, CONFIG))


def test_other_seed_other_delta(batch, toys):
    assert not torch.equal(attack(batch, toys, CONFIG), attack(batch, toys, replace(CONFIG, seed=1)))


def test_a_face_is_cloaked_the_same_alone_and_in_company(batch, toys):
    together = attack(batch, toys, CONFIG)
    for row in range(len(batch)):
        alone = attack(row_of(batch, row), toys, CONFIG)
        assert (alone[0] - together[row]).abs().max() < 1 / 255


def test_no_surrogate_is_an_error(batch):
    with pytest.raises(ConfigError, match="at least one"):
        attack(batch, [], CONFIG)


def test_each_hook_can_be_replaced(batch, toys):
    called = set()

    class Curious(Attack):
        def start(self, scene):
            called.add("start")
            return super().start(scene)

        def objective(self, embeddings, references):
            called.add("objective")
            return super().objective(embeddings, references)

        def step(self, *args):
            called.add("step")
            return super().step(*args)

        def project(self, deltas, scene):
            called.add("project")
            return super().project(deltas, scene)

    Curious(toys, CONFIG)(batch)
    assert called == {"start", "objective", "step", "project"}


def test_projection_is_nearly_inside_and_leaves_small_deltas_alone(batch):
    scene, budget = Scene.of(batch, torch.device("cpu")), Budget()
    noise = torch.randn(batch.crops.shape, generator=torch.Generator().manual_seed(0)) * batch.masks
    kept = project(noise * 0.03, scene, budget)
    seen = measure(batch.crops, batch.crops + kept, batch.boxes)
    assert (seen.dssim < budget.dssim * 1.5).all()
    assert (seen.luma < budget.luma * 1.5).all()
    assert (seen.eps <= budget.eps + 1e-6).all()
    tiny = scene.apply(noise * 1e-4) - scene.crops
    torch.testing.assert_close(project(tiny, scene, budget), tiny, atol=1e-6, rtol=0)


def test_fit_keeps_what_already_fits(batch):
    scene = Scene.of(batch, torch.device("cpu"))
    tiny = scene.apply(1e-3 * batch.masks * torch.ones(1, 3, 1, 1)) - scene.crops
    torch.testing.assert_close(fit(tiny, scene, Budget()), tiny)


@pytest.mark.parametrize(("field", "value"), [("steps", 0), ("rate", 0.0), ("momentum", 1.0)])
def test_configuration_out_of_range_is_refused(field, value):
    with pytest.raises(ConfigError):
        AttackConfig(**{field: value})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(batch, toys):
    cpu = attack(batch, toys, CONFIG)
    for toy in toys:
        toy.template, toy.first, toy.second = toy.template.cuda(), toy.first.cuda(), toy.second.cuda()
    cuda = attack(batch, toys, CONFIG)
    assert (cuda.cpu() - cpu).abs().mean() < 1 / 255


def test_without_loss_a_face_may_use_all_of_its_budget_where_compression_takes_a_part(batch):
    lossless = torch.tensor([True, False, True])
    scene = Scene.of(replace(batch, lossless=lossless), torch.device("cpu"))
    assert (scene.room == 1).tolist() == lossless.tolist()
    assert (scene.room[1] < 0.9).all()


def test_without_loss_colour_is_no_finer_than_a_jpeg_would_keep_it(batch):
    lossless = replace(batch, lossless=torch.tensor([True, True, True]))
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(batch.crops.shape, generator=generator) * batch.masks * 0.05

    def fine(one, channels):
        seen = to_ycbcr(project(noise, Scene.of(one, torch.device("cpu")), Budget(dssim=0.5)))[:, channels]
        assert seen[(batch.masks == 0).expand_as(seen)].abs().max() < 1e-6
        return (seen[..., 1:] - seen[..., :-1]).square().mean() / seen.square().mean()

    colour, luma = slice(1, 3), slice(1)
    assert fine(lossless, colour) < fine(batch, colour) / 2
    assert fine(lossless, luma) == pytest.approx(float(fine(batch, luma)), rel=0.01)


def test_a_face_in_black_and_white_gets_a_cloak_without_colour_and_a_budget_of_its_own(batch, toys):
    mixed = replace(batch, crops=torch.cat([batch.crops[:1, :1].expand(-1, 3, -1, -1), batch.crops[1:]]))
    deltas = attack(mixed, toys, CONFIG)
    assert torch.equal(deltas[0], deltas[0, :1].expand(3, -1, -1))
    assert (deltas[1:] - deltas[1:, :1]).abs().flatten(1).amax(1).min() > 0.01
    seen = measure(mixed.crops, mixed.crops + deltas, mixed.boxes)
    room = Scene.of(mixed, torch.device("cpu")).room
    assert room[0] > room[1] == room[2]
    assert (seen.dssim <= room * CONFIG.budget.dssim * 1.001).all()
    assert seen.dssim[0] > 0.9 * room[0] * CONFIG.budget.dssim


def test_large_faces_get_less_colour_and_more_detail_in_the_frame(batch):
    twice = replace(batch, to_photo=batch.to_photo * 2)
    small, large = (Scene.of(one, torch.device("cpu")) for one in (batch, twice))
    assert (large.colour < small.colour).all()
    assert (large.room > small.room).all()
    generator = torch.Generator().manual_seed(0)
    deltas = torch.randn(batch.crops.shape, generator=generator) * small.masks * 0.2
    chroma = [to_ycbcr(project(deltas, scene, Budget(dssim=0.5)))[:, 1:].abs().mean() for scene in (small, large)]
    assert chroma[1] < chroma[0]
