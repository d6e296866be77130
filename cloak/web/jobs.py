"""Jobs: photos in memory, what is done to them, and when they are forgotten."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cloak.container import Container
from cloak.image.sniff import HEAD, recognise
from cloak.names import NamePolicy
from cloak.outcome import Outcome
from cloak.web import names, verdicts
from cloak.web.engine import Engine, How, Task
from cloak.web.errors import not_found
from cloak.web.memory import Held, Memory
from cloak.web.metrics import Metrics
from cloak.web.protectors import RefusedError
from cloak.web.settings import Settings


@dataclass(eq=False, kw_only=True)
class Photo:
    """One photo of a job.

    Attributes:
        id: of it.
        name: what it is called, as text.
        original: the file as it came.
        inspection: what it would give away, as JSON.
        held: its bytes, counted.
        written: the protected file.
        target: what that is called.
        outcome: what became of it, as JSON.
        failed: whether the last run on it failed.
        task: what is done to it now.
        upload: what became of its upload, as JSON.
    """

    id: str
    name: str
    original: bytes = field(repr=False)
    inspection: dict[str, Any] = field(repr=False)
    held: Held
    written: bytes = field(default=b"", repr=False)
    written_held: Held | None = None
    target: str = ""
    outcome: dict[str, Any] | None = None
    failed: bool = False
    task: Task | None = None
    upload: dict[str, Any] | None = None

    @property
    def state(self) -> str:
        """ready, queued, working, done or failed."""
        if self.task is not None:
            return "queued" if self.task.begun is None else "working"
        return "failed" if self.failed else "done" if self.written else "ready"

    @property
    def faces(self) -> list[dict[str, Any]]:
        """Its faces, as JSON."""
        return list(self.inspection["faces"])

    @property
    def busy(self) -> bool:
        """Whether something is being done about it."""
        return self.task is not None or (self.upload or {}).get("state") in {"queued", "working"}

    def forget(self) -> None:
        """Let go of all that is held."""
        self.drop()
        self.held.release()
        self.original = b""

    def drop(self) -> None:
        """Let go of the protected file."""
        self.written, self.outcome, self.failed, self.upload = b"", None, False, None
        if self.written_held:
            self.written_held.release()
            self.written_held = None


@dataclass(eq=False, kw_only=True)
class JobState:
    """A job: photos that belong together.

    Attributes:
        id: of it; whoever knows it and the token may use it.
        photos: by their ids, in the order in which they came.
        used: when it was last asked for, by the monotonic clock.
        coming: photos that are being sent, or in another request's hands.
    """

    id: str
    photos: dict[str, Photo] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)
    coming: int = 0
    started: bool = False

    @property
    def busy(self) -> bool:
        """Whether something is being done."""
        return any(photo.busy for photo in self.photos.values())

    @property
    def state(self) -> str:
        """open, working or done."""
        if any(photo.task for photo in self.photos.values()):
            return "working"
        return "done" if self.started else "open"

    def photo(self, identity: str) -> Photo:
        """Return a photo.

        Raises:
            RefusedError: there is none of that id.
        """
        if identity not in self.photos:
            raise not_found("photo")
        return self.photos[identity]


class Jobs:
    """All jobs; used by the event loop alone.

    Args:
        settings: of the server.
        engine: what protects photos.
        memory: where bytes are counted.
        metrics: where photos are.
    """

    def __init__(self, settings: Settings, engine: Engine, memory: Memory, metrics: Metrics) -> None:
        self._settings, self._engine, self._memory, self._metrics = settings, engine, memory, metrics
        self._jobs: dict[str, JobState] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def make(self) -> JobState:
        """Make a job.

        Raises:
            RefusedError: there are as many as there may be.
        """
        if len(self._jobs) >= self._settings.jobs_at_once:
            self.sweep(spare=60)
        if len(self._jobs) >= self._settings.jobs_at_once:
            raise RefusedError(429, "busy", "too many jobs are held: delete some, or try again later", after=60)
        job = JobState(id=secrets.token_hex(16))
        self._jobs[job.id] = job
        return job

    def get(self, identity: str) -> JobState:
        """Return a job, and keep it from expiring for a while.

        Raises:
            RefusedError: there is none of that id.
        """
        job = self._jobs.get(identity)
        if job is None:
            raise not_found("job")
        job.used = time.monotonic()
        return job

    def add(self, job: JobState, photo: Photo) -> None:
        """Put a photo into a job that may have been deleted meanwhile.

        Raises:
            RefusedError: it was.
        """
        if job.id not in self._jobs:
            raise not_found("job")
        job.photos[photo.id] = photo

    def start(self, job: JobState, photos: dict[str, dict[int, Any]], how: How, policy: NamePolicy) -> None:
        """Have photos protected, those of earlier runs again.

        Args:
            job: whose they are.
            photos: what was chosen for faces, by the photos' ids.
            how: in which way.
            policy: what the files are called.

        Raises:
            RefusedError: they cannot be, or not now.
        """
        chosen = [job.photo(identity) for identity in photos]
        if not chosen:
            raise RefusedError(409, "conflict", "the job has no photos: send some first")
        if any(photo.busy for photo in chosen):
            raise RefusedError(409, "conflict", "photos of this job are being worked on: wait, or delete them")
        _check(chosen, photos)
        tasks = [
            Task(content=one.original, how=how, choices=photos[one.id], client=job, faces=len(one.faces))
            for one in chosen
        ]
        self._engine.submit(tasks)
        job.started = True
        for photo, task in zip(chosen, tasks, strict=True):
            photo.drop()
            photo.task = task
            self._follow(job, photo, task, policy)

    def _follow(self, job: JobState, photo: Photo, task: Task, policy: NamePolicy) -> None:
        loop = asyncio.get_running_loop()
        task.result.add_done_callback(
            lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._done, job, photo, task, policy)
        )

    def _done(self, job: JobState, photo: Photo, task: Task, policy: NamePolicy) -> None:
        """Take over what became of a photo."""
        if photo.task is not task:
            return
        photo.task = None
        job.used = time.monotonic()
        if task.result.cancelled():
            return
        error = task.result.exception()
        if isinstance(error, RefusedError):
            photo.failed, photo.outcome = True, verdicts.failed(error)
        elif error is None:
            self._keep(photo, *task.result.result(), policy)
        self._metrics.photo("failed" if photo.failed else str((photo.outcome or {}).get("status", "failed")))

    def _keep(self, photo: Photo, data: bytes, outcome: Outcome, policy: NamePolicy) -> None:
        try:
            photo.written_held = self._memory.take(len(data))
        except RefusedError as error:
            photo.failed, photo.outcome = True, verdicts.failed(error)
            return
        photo.written, photo.outcome = data, verdicts.document(outcome)
        photo.target = names.written(photo.name, _container(data), policy)

    def delete(self, job: JobState) -> None:
        """Forget a job; what is being done about it is stopped."""
        self._jobs.pop(job.id, None)
        for identity in list(job.photos):
            self.remove(job, identity)

    def remove(self, job: JobState, identity: str) -> None:
        """Forget a photo.

        Raises:
            RefusedError: there is none of that id.
        """
        photo = job.photo(identity)
        task, photo.task = photo.task, None
        if task is not None:
            self._engine.give_up([task])
        del job.photos[identity]
        photo.forget()

    def sweep(self, *, spare: float | None = None) -> None:
        """Forget jobs that nobody has asked for in a while: `spare` seconds where they are empty."""
        now = time.monotonic()
        for job in list(self._jobs.values()):
            empty = spare is not None and not job.photos and not job.coming
            limit = min(spare or 0, self._settings.keep) if empty else self._settings.keep
            if now - job.used > limit and not job.busy and not job.coming:
                self.delete(job)

    def clear(self) -> None:
        """Forget everything."""
        for job in list(self._jobs.values()):
            self.delete(job)

    def seconds_left(self, job: JobState) -> float | None:
        """Guess how long a job will take, by what was measured; None where nothing is being done."""
        tasks = [photo.task for photo in job.photos.values() if photo.task]
        if not tasks:
            return None
        faces = sum((task.faces or 0) + 0.1 for task in tasks)
        return round(max(1.0, faces * self._engine.seconds_a_face - self._spent(tasks)), 1)

    def _spent(self, tasks: list[Task]) -> float:
        begun = [task.begun for task in tasks if task.begun is not None]
        return time.monotonic() - min(begun) if begun else 0.0

    def progress(self, photo: Photo) -> float:
        """Guess how far a photo is, from 0 to 1."""
        if photo.task is None:
            return 1.0 if photo.written or photo.failed else 0.0
        if photo.task.begun is None:
            return 0.0
        needed = max(1.0, self._engine.seconds_a_face * (photo.task.faces or 1))
        return round(min(0.95, (time.monotonic() - photo.task.begun) / needed), 3)


def _check(chosen: list[Photo], photos: dict[str, dict[int, Any]]) -> None:
    for photo in chosen:
        beyond = [index for index in photos[photo.id] if index >= len(photo.faces)]
        if beyond:
            raise RefusedError(
                422, "face_choice", f"there is no face {beyond[0]}: the photo has {len(photo.faces)}, counted from 0"
            )


def _container(data: bytes) -> Container:
    return recognise(data[:HEAD])
