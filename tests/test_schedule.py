"""How photos go through the stages, whatever takes how long: steps that do nothing stand for the real ones."""

import threading
import time
from pathlib import Path

import pytest
import torch

from cloak.container import Container, Encoding
from cloak.crew import Crew
from cloak.faces.frame import frame
from cloak.outcome import Outcome, Status
from cloak.photo import Face, Photo
from cloak.schedule import Schedule
from cloak.selection import Chosen
from cloak.steps import Begun
from cloak.targets import Job

CREW = Crew(lanes=2, lane_threads=1, batch=4, helpers=2, helper_threads=1)
FACE = Face(box=(8, 8, 40, 40), landmarks=torch.rand(5, 2) * 32 + 8, score=0.9)


class Steps:
    """Each photo has a face; the first one takes until the next two are found, and a little longer."""

    def __init__(self) -> None:
        self.found = threading.Semaphore(0)

    def open(self, job):
        if job.source.name == "0":
            assert all(self.found.acquire(timeout=20) for _ in range(2))
            time.sleep(0.5)  # until the thread that hands out work has seen them
        return job

    def begin(self, job):
        photo = Photo(pixels=torch.zeros(3, 48, 48, dtype=torch.uint8), encoding=Encoding(container=Container.PNG))
        parts = frame([photo], [[FACE]])
        self.found.release()
        return Begun(
            job=job, photo=photo, chosen=Chosen(faces=(FACE,)), canvas=photo, parts=parts, deltas=(), todo=len(parts)
        )

    def search(self, group):
        pass

    def finish(self, begun):
        return Outcome(source=begun.job.source, status=Status.PROTECTED)

    def give_up(self):
        pass


def test_photos_that_all_wait_for_a_slow_first_one_leave_room_that_is_filled():
    jobs = [Job(Path(str(number)), Path("out", str(number))) for number in range(10)]
    outcomes = []

    def run() -> None:
        with Schedule(Steps(), CREW, window=8, stop=threading.Event()) as schedule:
            outcomes.extend(schedule.outcomes(jobs))

    thread = threading.Thread(target=run, daemon=True)  # it must not hang the tests
    thread.start()
    thread.join(60)
    assert [outcome.source.name for outcome in outcomes] == [str(number) for number in range(10)]


class DoneBefore(Steps):
    """Of an album that was done before there is one new photo, the first, whose face fills no batch."""

    def open(self, job):
        return job if job.source.name == "0" else Outcome(source=job.source, status=Status.ALREADY_DONE)

    def begin(self, opened):
        return opened if isinstance(opened, Outcome) else super().begin(opened)


@pytest.mark.parametrize("said", [4, 1000])
def test_photos_that_need_nothing_pass_by_one_that_waits_for_others_to_fill_a_batch(said):
    jobs = [Job(Path(str(number)), Path("out", str(number))) for number in range(40)]
    outcomes = []

    def run() -> None:
        with Schedule(DoneBefore(), CREW, window=8, stop=threading.Event(), said=said) as schedule:
            outcomes.extend(schedule.outcomes(jobs))

    thread = threading.Thread(target=run, daemon=True)  # it must not hang the tests
    thread.start()
    thread.join(60)
    assert [outcome.source.name for outcome in outcomes] == [str(number) for number in range(40)]


class Hanging(Steps):
    """A photo takes for ever to be read, unless it is given up."""

    def __init__(self):
        self.given_up = threading.Event()

    def open(self, job):
        self.given_up.wait(60)
        return job

    def give_up(self):
        self.given_up.set()


def test_a_stop_is_seen_soon_though_nothing_wakes_the_loop():
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    begun = time.monotonic()
    with Schedule(Hanging(), CREW, window=8, stop=stop) as schedule:
        assert list(schedule.outcomes([Job(Path("0"), Path("out", "0"))])) == []
    assert time.monotonic() - begun < 30
