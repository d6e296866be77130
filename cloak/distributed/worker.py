"""One worker: it holds the networks, and takes parts of an album through the pipeline, one after the other."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cloak.cloaker import Cloaker
from cloak.config import ProtectConfig
from cloak.decoding import Decoder
from cloak.distributed.places import Place, is_url
from cloak.distributed.planning import Task
from cloak.distributed.records import Objects, Records
from cloak.errors import CloakError, PhotoError
from cloak.files import read
from cloak.outcome import Outcome, Status
from cloak.pipeline import BYTES_PER_PIXEL, MIN_LIMIT, protect
from cloak.references import References
from cloak.report import figures
from cloak.sinks import Sink
from cloak.targets import Job

TOGETHER = 2
"""A part that took so many workers down is worked on photo by photo, to find which one does it ..."""

TRIALS = 2
"""... and a photo that takes so many down when it is alone has failed."""

_DEADLY = "it took its worker down, again and again: it is left out"
_ASKING = 0.5
"""Seconds between two looks whether to stop."""

Call = Callable[..., Any]
"""Calls a method of `cloak.distributed.clerk.Clerk` by its name, wherever that is, and raises what it raises."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A photo's bytes, or why they cannot be had."""

    task: Task
    content: bytes
    problem: str = ""


def load(tasks: Sequence[Task], max_pixels: int) -> Iterator[Loaded]:
    """Read originals, as `cloak.pipeline` would."""
    limit = max(MIN_LIMIT, BYTES_PER_PIXEL * max_pixels)
    for task in tasks:
        try:
            if task.root:
                data = _place(task.root).read(task.name, max_bytes=limit, size=task.size)
            else:
                data = read(Path(task.name), max_bytes=limit)
            yield Loaded(task, data)
        except PhotoError as error:
            yield Loaded(task, b"", str(error))


class Worker:
    """Protects photos that are in memory and has them written.

    Args:
        config: all settings.
        references: the person whom `config.protect` is about.
        output: folder or URL to write to.
        salt: what `cloak.distributed.records.open_album` returned; None for no records.
        call: how to reach the clerk.
    """

    def __init__(
        self, config: ProtectConfig, references: References | None, output: str, salt: bytes | None, call: Call
    ) -> None:
        self._config, self._call = config, call
        self._cloaker = Cloaker(config, references)
        self._decoder = Decoder(max_pixels=config.max_pixels)
        self._sink: Sink = _Far(call)
        if is_url(output):
            place = Place(output)
            objects = Objects(place, overwrite=config.overwrite)
            self._sink = objects if salt is None else Records(place, salt, config, references)

    def work(self, part: Sequence[Loaded], stop: threading.Event | None = None) -> None:
        """Take a part through the pipeline, and tell the clerk what becomes of each photo.

        Args:
            part: photos; those that are done already are passed over.
            stop: when it is set, what is being written is finished, the rest is given up.
        """
        indexes = [each.task.index for each in part]
        if not indexes or self._call("stopped"):
            return
        attempts, known = self._call("start", indexes)
        todo = [each for each in part if each.task.index not in known]
        alone = attempts > TOGETHER
        with self._watched(stop or threading.Event()) as stopped:
            try:
                for group in [[each] for each in todo] if alone else [todo]:
                    self._group(group, stopped, alone=alone)
            except CloakError as error:
                self._call("give_up", str(error))
            finally:
                self._call("end", indexes)

    def close(self) -> None:
        """End the processes that decode."""
        self._decoder.close()

    def _group(self, group: Sequence[Loaded], stop: threading.Event, *, alone: bool) -> None:
        if stop.is_set():
            return
        if alone and self._call("trial", group[0].task.index) > TRIALS:
            group = [
                replace(each, problem="it took its worker down, again and again: it is left out") for each in group
            ]
        for each in (each for each in group if each.problem):
            job = _job(each)
            outcome = Outcome(source=job.source, status=Status.FAILED, reason=each.problem)
            self._sink.failed(job, outcome)
            self._call("report", each.task.index, outcome)
        fine = [each for each in group if not each.problem]
        outcomes = protect(
            [_job(each) for each in fine],
            self._config,
            cloaker=self._cloaker,
            sink=self._sink,
            decoder=self._decoder,
            stop=stop,
        )
        # Fewer outcomes than photos, when it is to stop. They come first, so that the last one is followed by the end.
        for outcome, each in zip(outcomes, fine, strict=False):
            # Pixels stay here: what the report shows of them is a hundredth.
            self._call("report", each.task.index, replace(outcome, pictures=None), figures(outcome))

    @contextmanager
    def _watched(self, stop: threading.Event) -> Iterator[threading.Event]:
        """Set an event when the run is to stop."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_ASKING):
                if self._call("stopped"):
                    stop.set()
                    return

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield stop
        finally:
            over.set()
            thread.join()


class _Far(Sink):
    """Hands everything to the clerk, who has the output folder."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def refuse(self, job: Job) -> None:
        self._call("refuse", replace(job, content=None))

    def admit(self, job: Job, original: bytes) -> Job | Outcome:
        admitted: Job | Outcome = self._call("admit", replace(job, content=None), original)
        return admitted

    def take(self, job: Job, data: bytes, outcome: Outcome) -> None:
        self._call("take", job, data, replace(outcome, pictures=None))

    def failed(self, job: Job, outcome: Outcome) -> None:
        self._call("failed", replace(job, content=None), outcome)


def _job(loaded: Loaded) -> Job:
    return Job(Path(loaded.task.name), Path(loaded.task.target), loaded.content)


@lru_cache(maxsize=64)
def _place(url: str) -> Place:
    return Place(url)
