"""The bounded queue in front of `cloak.pipeline.protect`, and the thread that takes photos from it.

What waits and is to be done in the same way goes into one call, so that batches of faces fill; each client gets a turn.
A client that leaves gives up its place; once nobody waits for anything in a call, the call is stopped.
"""

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, NoFacePolicy, ProtectConfig, Strength
from cloak.container import Container
from cloak.decoding import Decoder
from cloak.errors import CloakError, PhotoError
from cloak.outcome import Outcome
from cloak.photo import Face, Photo
from cloak.pipeline import protect
from cloak.selection import Chosen
from cloak.sinks import Sink
from cloak.targets import Job, Treatment
from cloak.web.errors import GoneError, TooManyFacesError, busy, internal, late, of_photo, place, stopping
from cloak.web.protectors import RefusedError
from cloak.web.settings import Settings
from cloak.web.verdicts import document

LOG = logging.getLogger("cloak.web")

TOGETHER = 8
"""Photos in one call: a photo that is to be done in another way waits for no more than these."""

SECONDS_A_FACE = 8.0
"""What is thought before any was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """In which way a photo is to be protected."""

    strength: Strength = Strength.BALANCED
    container: Container | None = None
    no_face: NoFacePolicy = NoFacePolicy.STRIP


@dataclass(eq=False, kw_only=True)
class Task:
    """One photo that waits, or is worked on.

    Attributes:
        content: the original.
        how: in which way it is to be protected.
        choices: what was chosen for single faces.
        client: whose turn it takes: a job, or the request itself.
        faces: how many it has, where that is known.
        result: the file and its outcome; raises RefusedError.
        begun: when work on it began, by the monotonic clock; None before.
        gone: nobody waits for it any more.
        alone: it is to be done in a call of its own, since another took too long.
    """

    content: bytes = field(repr=False)
    how: How
    choices: Mapping[int, Treatment] = field(default_factory=dict)
    client: object = field(default_factory=object)
    faces: int | None = None
    result: "Future[tuple[bytes, Outcome]]" = field(default_factory=Future)
    begun: float | None = None
    gone: bool = False
    alone: bool = False


class Engine:
    """Protects photos one call after the other, in a thread of its own.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.decoder = Decoder(max_pixels=settings.max_pixels)
        self.seconds_a_face = SECONDS_A_FACE
        self.ready = threading.Event()
        self.failure: CloakError | None = None
        self._first = _Bounded(self._config(How()), settings.max_faces)
        self._waiting: dict[object, deque[Task]] = {}
        self._order: deque[object] = deque()
        self._current: Sequence[Task] = ()
        self._stop = threading.Event()
        self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="cloak-engine", daemon=True)

    def start(self) -> None:
        """Load the networks and begin to work, in another thread."""
        self.decoder.start()
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Photos that wait."""
        with self._changed:
            return sum(map(len, self._waiting.values()))

    @property
    def ending(self) -> bool:
        """Whether nothing new is begun."""
        return self._ending

    def submit(self, tasks: Sequence[Task]) -> None:
        """Have photos of one client protected.

        Raises:
            RefusedError: too many clients wait, or the server ends.
        """
        client = tasks[0].client
        with self._changed:
            if self._ending or self.failure:
                raise stopping()
            if client not in self._waiting:
                if len(self._waiting) >= self.settings.queue:
                    raise busy(self._patience())
                self._waiting[client] = deque()
                self._order.append(client)
            self._waiting[client].extend(tasks)
            self._changed.notify()

    async def run(self, task: Task) -> tuple[bytes, Outcome]:
        """Have a photo protected and wait for it; being cancelled gives it up.

        Raises:
            RefusedError: it cannot be.
        """
        self.submit([task])
        try:
            return await asyncio.wrap_future(task.result)
        finally:
            self.give_up([task])

    async def protect(self, photo: bytes) -> tuple[bytes, Mapping[str, object]]:
        """Protect a photo, for `cloak.web.middleware.ProtectUploads`.

        Raises:
            RefusedError: it cannot be protected.
        """
        data, outcome = await self.run(Task(content=photo, how=How()))
        return data, document(outcome)

    def give_up(self, tasks: Sequence[Task]) -> None:
        """Do no more about photos that nobody waits for any more."""
        with self._changed:
            for task in tasks:
                task.gone = True
                row = self._waiting.get(task.client)
                if row and task in row:
                    row.remove(task)
                    task.result.cancel()
                if row is not None and not row:
                    self._forget(task.client)
            if self._current and all(task.gone or task.result.done() for task in self._current):
                self._stop.set()

    def detect(self, photo: Photo) -> list[Face]:
        """Find the faces of a photo, in the order that choices count in."""
        return self._first.detect([photo])[0]

    def refuse_new(self) -> None:
        """Begin nothing new: the server ends."""
        self._ending = True

    async def close(self) -> None:
        """End: what is being written is finished, the rest is given up."""
        await asyncio.to_thread(self.end)

    def end(self) -> None:
        """See `close`."""
        with self._changed:
            self._ending = True
            self._stop.set()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        self.decoder.close()

    def _run(self) -> None:
        try:
            networks = self._first.networks
            _ = networks.detector, networks.surrogates, networks.witness
        except CloakError as error:
            self.failure = error
        self.ready.set()
        while batch := self._next():
            try:
                self._work(batch)
            except CloakError as error:
                LOG.error("photos could not be protected: %s", type(error).__name__)
            except Exception as error:
                LOG.error("photos could not be protected: %s in %s", type(error).__name__, place(error))
            self._settle(batch)
        with self._changed:
            left = [task for row in self._waiting.values() for task in row]
        for task in left:
            _fail(task, stopping())

    def _next(self) -> list[Task]:
        """Wait for photos; return some that are to be done in the same way, each client's in turn."""
        with self._changed:
            while not self._order and not self._ending and not self.failure:
                self._changed.wait()
            if self._ending or self.failure:
                return []
            first = self._pop(self._order[0])
            batch = [first]
            rounds = deque(self._order)
            while rounds and len(batch) < TOGETHER and not first.alone:
                client = rounds.popleft()
                row = self._waiting.get(client)
                if row and row[0].how == first.how and not row[0].alone:
                    batch.append(self._pop(client))
                    rounds.append(client)
            self._stop = threading.Event()
            self._current = batch
            return batch

    def _pop(self, client: object) -> Task:
        """Take a client's next photo, and put the client behind the others."""
        row = self._waiting[client]
        task = row.popleft()
        self._order.remove(client)
        if row:
            self._order.append(client)
        else:
            del self._waiting[client]
        return task

    def _forget(self, client: object) -> None:
        del self._waiting[client]
        self._order.remove(client)

    def _work(self, batch: Sequence[Task]) -> None:
        how = batch[0].how
        cloaker = _Bounded(self._config(how), self.settings.max_faces)
        cloaker.networks = self._first.networks  # they are loaded once
        jobs = [
            Job(Path(str(place)), Path(str(place)), content=task.content, choices=task.choices)
            for place, task in enumerate(batch)
        ]
        begun = time.monotonic()
        timer = threading.Timer(self.settings.max_seconds, self._stop.set)
        timer.start()
        try:
            sink = _Answers(batch)
            outcomes = protect(jobs, cloaker.config, cloaker=cloaker, sink=sink, decoder=self.decoder, stop=self._stop)
            with closing(outcomes):
                faces = sum(outcome.found for outcome in outcomes)
        finally:
            timer.cancel()
        if faces:
            measured = (time.monotonic() - begun) / faces
            self.seconds_a_face += 0.3 * (measured - self.seconds_a_face)

    def _settle(self, batch: Sequence[Task]) -> None:
        """See that nobody waits in vain: what was not done in time with others is done alone, or refused."""
        with self._changed:
            self._current, stopped = (), self._stop.is_set()
            left = [task for task in batch if not task.result.done()]
            for task in left:
                if task.gone:
                    task.result.cancel()
                elif self._ending:
                    _fail(task, stopping())
                elif not stopped:
                    _fail(task, internal())
                elif task.alone or len(batch) == 1:
                    _fail(task, late(self.settings.max_seconds))
                else:
                    task.alone, task.begun = True, None
                    if task.client not in self._waiting:
                        self._waiting[task.client] = deque()
                        self._order.append(task.client)
                    self._waiting[task.client].appendleft(task)

    def _patience(self) -> int:
        """Seconds until there may be a place."""
        faces = sum(task.faces or 1 for task in self._current)
        return max(1, min(300, round(self.seconds_a_face * max(1, faces))))

    def _config(self, how: How) -> ProtectConfig:
        return ProtectConfig(
            attack=AttackConfig.preset(how.strength),
            weights=self.settings.weights,
            no_face=how.no_face,
            container=how.container,
            device=self.settings.device,
            jobs=self.settings.processors,
            max_pixels=self.settings.max_pixels,
        )


class _Bounded(Cloaker):
    """A cloaker that refuses crowds."""

    def __init__(self, config: ProtectConfig, most: int) -> None:
        super().__init__(config)
        self._most_faces = most

    def choose(self, photos: Sequence[Photo], choices: Sequence[Mapping[int, Treatment]] = ()) -> list[Chosen]:
        """See `Cloaker.choose`; more faces than there may be are an error of the photo."""
        chosen = super().choose(photos, choices)
        most = max((len(one.faces) + len(one.blurred) for one in chosen), default=0)
        if most > self._most_faces:
            raise TooManyFacesError(f"{most} faces are more than the {self._most_faces} that are worked on")
        return chosen


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
        with suppress(InvalidStateError):  # whoever waited has just left
            self._of(job).result.set_result((data, replace(outcome, pictures=None)))

    def failed(self, job: Job, outcome: Outcome) -> None:  # noqa: ARG002
        """Answer with what went wrong: this is called while the error is handled."""
        error = sys.exception()
        _fail(self._of(job), of_photo(error) if isinstance(error, PhotoError) else internal())

    def _of(self, job: Job) -> Task:
        return self._tasks[int(job.source.name)]


def _fail(task: Task, error: RefusedError) -> None:
    with suppress(InvalidStateError):  # it was done, or whoever waited has left
        task.result.set_exception(error)
