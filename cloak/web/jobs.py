"""All jobs: what is done about their photos, and when they are forgotten."""

import asyncio
import secrets
import time
from collections.abc import Mapping

from cloak.container import Container
from cloak.image.sniff import HEAD, recognise
from cloak.names import NamePolicy
from cloak.outcome import Outcome
from cloak.targets import Treatment
from cloak.web import names, verdicts
from cloak.web.engine import Engine
from cloak.web.errors import not_found
from cloak.web.memory import Memory
from cloak.web.metrics import Metrics
from cloak.web.protectors import RefusedError
from cloak.web.settings import Settings
from cloak.web.states import JobState, Photo
from cloak.web.tasks import How, Task


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

    def start(self, job: JobState, photos: Mapping[str, Mapping[int, Treatment]], how: How, policy: NamePolicy) -> None:
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
            Task(content=one.original, how=how, choices=photos[one.id], client=job, faces=_cloaked(one, photos[one.id]))
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


def _check(chosen: list[Photo], photos: Mapping[str, Mapping[int, Treatment]]) -> None:
    for photo in chosen:
        small = [one["index"] for one in photo.faces if not one["large"]]
        wanted = [index for index in small if photos[photo.id].get(index) is Treatment.PROTECT]
        if wanted:
            raise RefusedError(422, "face_choice", f"face {wanted[0]} is too small for a cloak: blur or leave it")
        beyond = [index for index in photos[photo.id] if index >= len(photo.faces)]
        if beyond:
            raise RefusedError(
                422, "face_choice", f"there is no face {beyond[0]}: the photo has {len(photo.faces)}, counted from 0"
            )


def _cloaked(photo: Photo, choices: Mapping[int, Treatment]) -> int:
    """Say how many faces will be cloaked."""
    kept = (choices.get(one["index"], Treatment.PROTECT if one["large"] else Treatment.LEAVE) for one in photo.faces)
    return sum(treatment is Treatment.PROTECT for treatment in kept)


def _container(data: bytes) -> Container:
    return recognise(data[:HEAD])
