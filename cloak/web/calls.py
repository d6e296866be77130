"""One thread that makes calls of `cloak.pipeline.protect`, one after the other, of what waits for it."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from cloak.cloaker import Cloaker
from cloak.config import ProtectConfig
from cloak.decoding import Decoder
from cloak.errors import CloakError, PhotoError
from cloak.networks import Networks
from cloak.outcome import Outcome
from cloak.photo import Photo
from cloak.pipeline import protect
from cloak.selection import Chosen
from cloak.sinks import Sink
from cloak.targets import Job, Treatment
from cloak.web.errors import GoneError, TooManyFacesError, internal, late, of_photo, place, stopping
from cloak.web.tasks import How, Task, Waiting

LOG = logging.getLogger("cloak.web")


class Bounded(Cloaker):
    """A cloaker that refuses crowds.

    Args:
        config: see `Cloaker`.
        most: faces of a photo that are worked on.
        networks: to share.
    """

    def __init__(self, config: ProtectConfig, most: int, networks: Networks | None = None) -> None:
        super().__init__(config)
        self.networks = networks or self.networks
        self._most_faces = most

    def choose(self, photos: Sequence[Photo], choices: Sequence[Mapping[int, Treatment]] = ()) -> list[Chosen]:
        """See `Cloaker.choose`; more faces than there may be are an error of the photo."""
        chosen = super().choose(photos, choices)
        most = max((len(one.faces) + len(one.blurred) for one in chosen), default=0)
        if most > self._most_faces:
            raise TooManyFacesError(f"{most} faces are more than the {self._most_faces} that are worked on")
        return chosen


class Caller:
    """Takes what waits, and answers.

    Args:
        name: of its thread.
        cloaker: makes the one for a call.
        decoder: decodes photos.
        seconds: that a call may take.
        measured: told the seconds that each face of a call took.
    """

    def __init__(
        self,
        name: str,
        cloaker: Callable[[How], Cloaker],
        decoder: Decoder,
        *,
        seconds: float,
        measured: Callable[[float], object],
    ) -> None:
        self.waiting = Waiting()
        self._cloaker, self._decoder, self._seconds, self._measured = cloaker, decoder, seconds, measured
        self._current: Sequence[Task] = ()
        self._stop = threading.Event()
        self._ending = False
        self._mutex = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def current(self) -> Sequence[Task]:
        """What is being worked on."""
        return self._current

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Finish what is being written, give up the rest, and wait for that."""
        self._ending = True
        with self._mutex:
            self._stop.set()
        for task in self.waiting.close():
            task.fail(stopping())
        if self._thread.is_alive():
            self._thread.join()

    def give_up(self, tasks: Sequence[Task]) -> None:
        """Do no more about photos that nobody waits for any more."""
        for task in tasks:
            task.gone = True
        self.waiting.remove(tasks)
        with self._mutex:
            if self._current and all(task.gone or task.result.done() for task in self._current):
                self._stop.set()

    def _run(self) -> None:
        while batch := self.waiting.take():
            with self._mutex:
                self._stop, self._current = threading.Event(), batch
                if self._ending or all(task.gone for task in batch):
                    self._stop.set()
            try:
                self._work(batch)
            except CloakError as error:
                LOG.error("photos could not be protected: %s", type(error).__name__)
            except Exception as error:
                LOG.error("photos could not be protected: %s in %s", type(error).__name__, place(error))
            self._settle(batch)

    def _work(self, batch: Sequence[Task]) -> None:
        cloaker = self._cloaker(batch[0].how)
        jobs = [
            Job(Path(str(index)), Path(str(index)), content=task.content, choices=task.choices)
            for index, task in enumerate(batch)
        ]
        begun = time.monotonic()
        timer = threading.Timer(self._seconds, self._stop.set)
        timer.start()
        try:
            outcomes = protect(
                jobs, cloaker.config, cloaker=cloaker, sink=_Answers(batch), decoder=self._decoder, stop=self._stop
            )
            with closing(outcomes):
                faces = sum(outcome.found for outcome in outcomes)
        finally:
            timer.cancel()
        if faces:
            self._measured((time.monotonic() - begun) / faces)

    def _settle(self, batch: Sequence[Task]) -> None:
        """See that nobody waits in vain: what was not done in time with others is done alone, or refused."""
        with self._mutex:
            self._current, stopped = (), self._stop.is_set()
        for task in batch:
            if task.result.done():
                continue
            if task.gone:
                task.result.cancel()
            elif self._ending:
                task.fail(stopping())
            elif not stopped:
                task.fail(internal())
            elif task.alone or len(batch) == 1:
                task.fail(late(self._seconds))
            else:
                task.alone, task.begun = True, None
                self.waiting.put([task], first=True)


class _Answers(Sink):
    """Hands each photo to whoever waits for it, as soon as it is there."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks

    def admit(self, job: Job, original: bytes) -> Job | Outcome:  # noqa: ARG002
        """Begin, if anybody still waits."""
        task = self._of(job)
        if task.gone:
            raise GoneError("nobody waits for it")
        task.begun = time.monotonic()
        return job

    def take(self, job: Job, data: bytes, outcome: Outcome) -> None:
        """Answer."""
        self._of(job).done(data, replace(outcome, pictures=None))

    def failed(self, job: Job, outcome: Outcome) -> None:  # noqa: ARG002
        """Answer with what went wrong: this is called while the error is handled."""
        error = sys.exception()
        self._of(job).fail(of_photo(error) if isinstance(error, PhotoError) else internal())

    def _of(self, job: Job) -> Task:
        return self._tasks[int(job.source.name)]
