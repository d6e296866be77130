"""The generator of cloaks and its training, with real recognisers and few steps."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cloak.attack import Scene
from cloak.attack.amortised import SIDE, Amortised
from cloak.config import Budget
from cloak.errors import ConfigError, DatasetError
from cloak.faces.detect import Detector
from cloak.faces.frame import frame
from cloak.image.codec import decode
from cloak.models import load_detector, load_recogniser
from cloak.models.networks.generator import Generator
from cloak.photo import FaceBatch
from cloak.training.faces import TrainingFaces, choose, gather
from cloak.training.generator import STATE, WEIGHTS, GeneratorConfig, Training

CPU = torch.device("cpu")
SMALL = GeneratorConfig(widths=(16, 24, 32), steps=4, batch=4)


@pytest.fixture(scope="module")
def surrogates():
    return {"sface": load_recogniser("sface")}


@pytest.fixture(scope="module")
def faces(people: Path, surrogates) -> TrainingFaces:
    photos = choose(people, None, most=8, seed=0)
    return gather(photos, Detector(load_detector()), surrogates, seed=0)


def batch(faces: TrainingFaces, *rows: int, **options: bool) -> FaceBatch:
    return faces.batch(torch.tensor(rows), CPU, **options)


def generator(**options: object) -> Generator:
    torch.manual_seed(0)
    network = Generator(**options)
    torch.nn.init.normal_(network.head.weight, std=0.05)
    return network


def test_faces_come_in_frames_of_one_size_with_their_references(faces):
    assert faces.crops.shape == (8, 3, SIDE, SIDE)
    assert faces.crops.dtype == torch.uint8
    assert faces.references["sface"].shape == (8, 128)
    torch.testing.assert_close(faces.references["sface"].norm(dim=1), torch.ones(8))


def test_faces_are_kept_as_they_are(faces, tmp_path):
    faces.save(tmp_path / "faces.safetensors")
    kept = TrainingFaces.load(tmp_path / "faces.safetensors")
    assert torch.equal(kept.crops, faces.crops)
    assert torch.equal(kept.references["sface"], faces.references["sface"])


def test_a_mirrored_batch_is_a_mirror_image_with_left_and_right_exchanged(faces):
    plain, mirrored = batch(faces, 0, 3), batch(faces, 0, 3, mirrored=True)
    assert torch.equal(mirrored.crops.flip(-1), plain.crops)
    assert (mirrored.landmarks[:, 0, 0] < mirrored.landmarks[:, 1, 0]).all()
    torch.testing.assert_close(mirrored.landmarks[:, 0, 0], SIDE - 1 - plain.landmarks[:, 1, 0])
    assert (mirrored.boxes[:, 2] > mirrored.boxes[:, 0]).all()


def test_one_pass_gives_deltas_nearly_inside_the_budget(faces):
    scene = Scene.of(batch(faces, 0, 1, 2), CPU)
    budget = Budget()
    with torch.no_grad():
        deltas = Amortised(generator())(scene, budget)
    assert (deltas * (scene.masks == 0)).abs().max() == 0
    assert deltas.abs().max() <= budget.eps + 1e-6
    spent = scene.dssim(scene.apply(deltas)) / (scene.room * budget.dssim)
    assert ((spent > 0.2) & (spent < 1.2)).all()


def test_a_face_is_treated_the_same_alone_and_in_company(faces):
    network = generator()
    with torch.no_grad():
        alone = Amortised(network)(Scene.of(batch(faces, 1), CPU), Budget())
        together = Amortised(network)(Scene.of(batch(faces, 0, 1), CPU), Budget())
    torch.testing.assert_close(alone[0], together[1], atol=2e-4, rtol=0)


def test_the_shared_pattern_follows_the_landmarks():
    network = generator(widths=(16, 24, 32))
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    torch.nn.init.zeros_(network.pattern)
    with torch.no_grad():
        network.pattern[:, 60:80, 60:80] = 1
    grey = torch.full((2, 3, SIDE, SIDE), 0.5)
    points = torch.tensor([[80.0, 90], [140, 90], [110, 120], [85, 150], [135, 150]])
    both = FaceBatch(
        crops=grey,
        masks=torch.ones(2, 1, SIDE, SIDE),
        landmarks=torch.stack([points, points + torch.tensor([20.0, 10])]),
        boxes=torch.tensor([[40.0, 40, 180, 190]] * 2),
        to_photo=torch.eye(2, 3).expand(2, -1, -1),
        photo=torch.arange(2),
        lossless=torch.zeros(2, dtype=torch.bool),
    )
    with torch.no_grad():
        first, second = Amortised(network)(Scene.of(both, CPU), Budget()).abs().mean(1)
    assert first.max() > 0
    torch.testing.assert_close(second[40:200, 40:200], first[30:190, 20:180], atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["collins.png", "phone.jpg"])
def test_frames_of_other_sizes_are_served_too(name):
    photo = decode((Path(__file__).parents[2] / "examples" / name).read_bytes())
    for part in frame([photo], [Detector(load_detector()).detect([photo.pixels])[0][:1]]):
        with torch.no_grad():
            deltas = Amortised(generator(widths=(16, 24, 32)))(Scene.of(part, CPU), Budget())
        assert deltas.shape == part.crops.shape
        assert deltas.abs().max() > 0


def test_training_makes_faces_less_like_themselves(faces, surrogates, tmp_path):
    Training(replace(SMALL, steps=30), faces, surrogates, tmp_path).run(every=10)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] - 0.02


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not(faces, surrogates, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    Training(SMALL, faces, surrogates, whole).run(every=2)

    class StoppedError(Exception):
        pass

    def stop() -> None:
        if (parts / STATE).exists():
            raise StoppedError

    with pytest.raises(StoppedError):
        Training(SMALL, faces, surrogates, parts).run(every=2, advance=stop)
    resumed = Training(SMALL, faces, surrogates, parts)
    assert resumed.step == 2
    resumed.run(every=2)
    expected, found = load_file(whole / WEIGHTS), load_file(parts / WEIGHTS)
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_a_folder_with_another_training_is_refused(faces, surrogates, tmp_path):
    Training(replace(SMALL, steps=1), faces, surrogates, tmp_path).run()
    with pytest.raises(ConfigError, match="other settings"):
        Training(SMALL, faces, surrogates, tmp_path)


def test_the_command_trains_on_a_folder_of_people_and_goes_on(people, tmp_path, cloak):
    arguments = ("train", people, "-o", tmp_path, "--photos", 4, "--steps", 2, "--batch", 2, "--widths", "16,24,32")
    done = cloak(*arguments, "--device", "cpu")
    assert (done.code, done.out) == (0, "")
    assert "generator.safetensors" in done.err
    weights = (tmp_path / WEIGHTS).read_bytes()
    assert cloak(*arguments, "--device", "cpu").code == 0
    assert (tmp_path / WEIGHTS).read_bytes() == weights


def test_a_folder_without_people_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="has no photos"):
        choose(tmp_path, None, most=4, seed=0)
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "1.jpg").write_bytes(b"")
    with pytest.raises(DatasetError, match="has no photos"):
        choose(tmp_path, ("N", "Z"), most=4, seed=0)
    assert len(choose(tmp_path, ("A", "M"), most=4, seed=0)) == 1
