"""What the routes share: settings, engine, readers, jobs, and the threads that look at photos."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from fastapi import Request

from cloak.errors import PhotoError, TooLargeError
from cloak.photo import Photo
from cloak.web import verdicts
from cloak.web.engine import Engine
from cloak.web.errors import TooManyFacesError, busy, of_photo
from cloak.web.jobs import Jobs
from cloak.web.memory import Memory
from cloak.web.metrics import Metrics
from cloak.web.readers import Readers
from cloak.web.settings import Settings
from cloak.web.uploads import Uploads

T = TypeVar("T")

SWEEP = 5.0
"""Seconds between looks for jobs that have expired, at most."""


class Server:
    """All that lives as long as the server.

    Args:
        settings: of it.
        engine: what protects photos.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings, self.engine = settings, engine
        self.metrics, self.memory = Metrics(), Memory(settings.max_memory)
        self.readers, self.uploads = Readers(), Uploads()
        self.jobs = Jobs(settings, engine, self.memory, self.metrics)
        self.page: dict[str, tuple[bytes, str]] = {}
        workers = max(2, settings.processors or os.cpu_count() or 2)
        self._pool = ThreadPoolExecutor(workers, "cloak-look", torch.set_num_threads, (1,))
        self._most, self._busy = workers + settings.queue, 0
        self._sweeper: asyncio.Task[None] | None = None
        gauge = self.metrics.gauge
        gauge("cloak_queue_length", "Photos that wait to be protected.", lambda: engine.waiting)
        gauge("cloak_held_bytes", "Bytes of photos that are held.", lambda: self.memory.held)
        gauge("cloak_jobs", "Jobs that are held.", lambda: len(self.jobs))
        gauge("cloak_seconds_a_face", "Time that a face takes, as measured lately.", lambda: engine.seconds_a_face)

    async def open(self) -> None:
        """Begin."""
        self.readers.start()
        self.engine.start()
        self._sweeper = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """End in order: nothing is held afterwards."""
        if self._sweeper:
            self._sweeper.cancel()
        self.jobs.clear()
        await self.engine.close()
        await asyncio.to_thread(self.uploads.close)
        self._pool.shutdown(cancel_futures=True)
        self.readers.close()

    async def off(self, work: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401 -- of any work
        """Do some work in another thread, where not too much waits for one already.

        Raises:
            RefusedError: too much does; or what the work says about the photo.
        """
        if self._busy >= self._most:
            raise busy(2)
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        except PhotoError as error:
            raise of_photo(error) from None
        finally:
            self._busy -= 1

    def look(self, data: bytes, name: str, *, picture: bool) -> dict[str, Any]:
        """Inspect a photo, and find its faces; in a thread.

        Args:
            data: its file.
            name: what it is called.
            picture: whether it has to be a picture that can be decoded.

        Raises:
            PhotoError: it cannot be read.
        """
        told = self.readers.inspect(data, name)
        try:
            photo = self.engine.decoder.decode(data)
        except TooLargeError:
            raise
        except PhotoError as error:
            if picture:
                raise
            told["not_looked_for"] = [*told["not_looked_for"], f"faces: {error}"]
            return verdicts.inspection(told, None, [])
        faces = self.engine.detect(photo)
        inspection = verdicts.inspection(told, photo, faces)
        many = sum(face["large"] for face in inspection["faces"])
        if picture and many > self.settings.max_faces:
            raise TooManyFacesError(f"{many} faces are more than the {self.settings.max_faces} that are worked on")
        return inspection

    def decode(self, data: bytes) -> Photo:
        """Decode a photo; in a thread."""
        return self.engine.decoder.decode(data)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP, max(0.2, self.settings.keep / 4)))
            self.jobs.sweep()


async def server_of(request: Request) -> Server:
    """Return the server that a request came to."""
    found: Server = request.app.state.server
    return found


class Clock:
    """Measures seconds."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return round(time.monotonic() - self._begun, 2)
