"""Batches are full whatever the mix of photos, the same in every run, and smaller where memory is short."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from cloak import cloaker as module
from cloak.batching import Buckets, join
from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, ProtectConfig
from cloak.crew import LANE, Crew, crew
from cloak.device import pick_devices
from cloak.errors import TooLargeError
from cloak.faces.frame import frame
from cloak.image.codec import decode
from cloak.networks import Networks
from cloak.outcome import Status
from cloak.photo import FaceBatch
from cloak.pipeline import protect
from cloak.shortage import memory_for
from cloak.steps import StoppedError
from cloak.targets import Job

CPU = torch.device("cpu")


def _faces(size: int, count: int) -> FaceBatch:
    return FaceBatch(
        crops=torch.rand(count, 3, size, size),
        masks=torch.ones(count, 1, size, size),
        landmarks=torch.zeros(count, 5, 2),
        boxes=torch.zeros(count, 4),
        to_photo=torch.zeros(count, 2, 3),
        photo=torch.zeros(count, dtype=torch.int64),
        lossless=torch.zeros(count, dtype=torch.bool),
    )


def _buckets(**options: int) -> Buckets[str]:
    return Buckets(**{"batch": 4, "photos": 10, "passing": 20, "pixels": 1000, **options})


def test_faces_of_many_photos_fill_a_batch_of_one_size():
    buckets, groups = _buckets(), []
    for name in "abcde":
        groups += buckets.add(name, [_faces(64, 1), _faces(96, 2)], pixels=1)
    assert [(len(group), join(group).crops.shape[-1]) for group in groups] == [(4, 96), (4, 64), (4, 96)]
    assert sorted(len(group) for group in buckets.flush()) == [1, 2]
    assert buckets.flush() == []


def test_one_photo_of_many_faces_fills_several_batches():
    groups = _buckets().add("crowd", [_faces(64, 10)], pixels=1)
    assert [len(group) for group in groups] == [4, 4]
    assert torch.equal(join(groups[1]).crops, torch.stack([row.batch.crops[row.index] for row in groups[1]]))


@pytest.mark.parametrize(
    ("options", "pixels"), [({"photos": 3}, 1), ({"passing": 3}, 1), ({"pixels": 3}, 1), ({"pixels": 30}, 10)]
)
def test_no_photo_waits_for_company_for_ever(options, pixels):
    buckets = _buckets(**options)
    assert buckets.add("first", [_faces(64, 1)], pixels=pixels) == []
    sizes, groups = iter((96, 128, 160, 192)), []
    while not groups:
        size = next(sizes)
        groups = buckets.add(f"of {size}", [_faces(size, 1)], pixels=pixels)
    assert [row.owner for row in groups[0]] == ["first"]


def test_photos_without_faces_that_pass_by_count_too():
    buckets = _buckets(passing=5)
    buckets.add("first", [_faces(64, 1)], pixels=1)
    assert [len(buckets.pass_by()) for _ in range(6)].count(1) == 1


@pytest.fixture(scope="module")
def cloaker() -> Cloaker:
    return Cloaker(ProtectConfig(attack=AttackConfig(steps=2), device="cpu"))


@pytest.fixture
def faces(examples, cloaker) -> FaceBatch:
    photo = decode((examples / "workers.jpg").read_bytes())
    return frame([photo], [[cloaker.choose([photo])[0].faces[0]] * 6])[0]


@pytest.mark.parametrize(
    ("most", "sizes"), [(6, [6]), (3, [6, 3, 3]), (2, [6, 3, 1, 1, 1, 1, 1, 1]), (1, [6, 3] + [1] * 6)]
)
def test_out_of_memory_halves_the_batch_now_and_from_then_on(monkeypatch, faces, most, sizes):
    attack, seen = module.attack, []

    def hungry(batch, *rest):
        seen.append(len(batch))
        if len(batch) > most:
            raise torch.OutOfMemoryError("out of memory")
        return attack(batch, *rest)

    monkeypatch.setattr(module, "attack", hungry)
    cloaker = Cloaker(ProtectConfig(attack=AttackConfig(steps=1), device="cpu"))
    deltas = cloaker.search(faces)
    assert deltas.shape == faces.crops.shape
    assert deltas.abs().amax((1, 2, 3)).min() > 0
    assert seen == sizes
    cloaker.search(faces)
    assert max(seen[len(sizes) :]) <= most


def test_a_face_that_does_not_fit_at_all_is_one_failed_photo(monkeypatch, examples, tmp_path):
    attack = module.attack

    def hungry(batch, *rest):
        if batch.crops.shape[-1] > 128:
            raise torch.OutOfMemoryError("out of memory")
        return attack(batch, *rest)

    monkeypatch.setattr(module, "attack", hungry)
    config = ProtectConfig(attack=AttackConfig(steps=1), device="cpu")
    jobs = [Job(path, tmp_path / "out" / path.name) for path in sorted(examples.iterdir())]
    outcomes = {one.source.name: one for one in protect(jobs, config, cloaker=Cloaker(config))}
    assert outcomes["workers.jpg"].status is Status.PROTECTED
    assert outcomes["phone.jpg"].status is Status.FAILED
    assert "does not hold a face" in outcomes["phone.jpg"].reason


def test_memory_that_is_lacking_fails_a_photo_and_other_errors_end_the_run(monkeypatch, examples, tmp_path):
    attack = module.attack

    def hungry(batch, *rest):
        if batch.crops.shape[-1] > 128:
            torch.empty(10**15)  # PyTorch has no exception of its own for this
        return attack(batch, *rest)

    def broken(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(module, "attack", hungry)
    config = ProtectConfig(attack=AttackConfig(steps=1, looks=0), device="cpu")
    jobs = [Job(examples / name, tmp_path / "out" / name) for name in ("phone.jpg", "workers.jpg")]
    outcomes = {one.source.name: one for one in protect(jobs, config, cloaker=Cloaker(config))}
    assert outcomes["workers.jpg"].status is Status.PROTECTED
    assert outcomes["phone.jpg"].status is Status.FAILED
    assert "does not hold a face" in outcomes["phone.jpg"].reason
    monkeypatch.setattr(module, "attack", broken)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        list(protect(jobs[:1], replace(config, overwrite=True), cloaker=Cloaker(config)))


@pytest.mark.parametrize("shortage", [lambda: torch.empty(10**15), lambda: np.empty(10**15)])
def test_a_lack_of_memory_is_told_from_other_errors(shortage):
    with pytest.raises(TooLargeError, match="not enough memory for the photo"), memory_for("the photo"):
        shortage()
    with pytest.raises(RuntimeError, match="must match"), memory_for("the photo"):
        torch.ones(2) + torch.ones(3)


def test_one_face_that_does_not_fit_is_said_to_be_too_large(monkeypatch, faces):
    def full(*_):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(module, "attack", full)
    with pytest.raises(TooLargeError, match="--device cpu"):
        Cloaker(ProtectConfig(device="cpu")).search(faces)  # one of its own: from now on it tries one face at a time


def test_a_search_ends_at_its_next_step_when_it_is_told_to(cloaker, faces):
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        cloaker.search(faces, stop=stop)
    stop.clear()
    # Gradients of convolutions on several threads may differ in their last bit from call to call.
    torch.testing.assert_close(cloaker.search(faces, stop=stop), cloaker.search(faces), rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 13, 64])
def test_all_processors_have_work_and_none_has_two_attacks(count):
    threads = crew(CPU, 1000, count, batch=8)
    assert count - threads.lanes < threads.lanes * threads.lane_threads <= count
    assert threads.helpers >= 2
    assert threads.lanes >= min(count, 2)
    assert threads.lanes * threads.batch == 8 * max(1, count // LANE), "two batches fit where one did"
    few = crew(CPU, 7, count, batch=8)
    assert (few.lanes, few.batch) == (max(1, count // LANE), 8), "less than a batch, for all processors"
    assert crew(CPU, 1000, count, batch=1).lanes == few.lanes, "one face cannot be divided"
    alone = crew(CPU, 1, count, batch=8)
    assert (alone.lanes, alone.lane_threads, alone.helper_threads, alone.batch) == (1, count, count, 8)


def test_several_devices_share_the_batches_of_an_album_and_cloaks_are_the_same(examples, tmp_path):
    """Two times the processor stand for two GPUs: this is about who gets which batch, not about GPUs."""
    config = ProtectConfig(attack=AttackConfig(steps=1, looks=0), device="cpu", batch=1)
    searched: dict[int, int] = {0: 0, 1: 0}
    together = threading.Barrier(2, timeout=120)

    class Searcher(Cloaker):
        def __init__(self, number: int, networks: Networks) -> None:
            super().__init__(config)
            self.number, self.networks = number, networks

        def search(self, batch, *, stop=None):
            if not searched[self.number]:
                together.wait()  # breaks unless both have a batch at the same time
            searched[self.number] += len(batch)
            return super().search(batch, stop=stop)

    one = Cloaker(config)
    two = [Searcher(number, one.networks) for number in (0, 1)]
    for name, searchers in (("one", ()), ("two", two)):
        jobs = [Job(path, tmp_path / name / path.name) for path in sorted(examples.iterdir())]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("cloak.pipeline.crew", lambda *_, batch, devices: _crew(batch, devices))
            outcomes = list(protect(jobs, config, cloaker=one, searchers=searchers))
        assert {outcome.status for outcome in outcomes} == {Status.PROTECTED}
    assert sum(searched.values()) == sum(outcome.found for outcome in outcomes)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def _crew(batch: int, devices: int) -> Crew:
    """The threads that so many GPUs would have, with as many for each operation."""
    return Crew(lanes=devices, lane_threads=1, batch=batch, helpers=2, helper_threads=1)


def test_every_gpu_has_a_lane():
    assert crew(torch.device("cuda"), 1000, 8, batch=8, devices=4).lanes == 4
    assert [device.type for device in pick_devices("cpu")] == ["cpu"]


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_all_gpus_search_when_none_is_named(examples, tmp_path):
    config = ProtectConfig(attack=AttackConfig(steps=5), device="cuda", batch=1)
    assert [device.index for device in pick_devices("cuda")][1:] == list(range(1, torch.cuda.device_count()))
    before = [torch.cuda.max_memory_allocated(index) for index in range(2)]
    jobs = [Job(path, tmp_path / path.name) for path in sorted(examples.iterdir())]
    assert {outcome.status for outcome in protect(jobs, config)} == {Status.PROTECTED}
    assert all(torch.cuda.max_memory_allocated(index) > before[index] for index in range(2))
