"""What protects photos: a bounded queue in front of two threads, one for photos with faces and one for those without.

What waits and is to be done in the same way goes into one call of the pipeline, so that batches of faces fill. A client
that leaves gives up its place; once nobody waits for anything in a call, the call is stopped.
"""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, ProtectConfig
from cloak.decoding import Decoder
from cloak.errors import CloakError, PhotoError
from cloak.outcome import Outcome
from cloak.photo import Face, Photo
from cloak.web.calls import Bounded, Caller
from cloak.web.errors import busy, of_photo, stopping
from cloak.web.settings import Settings
from cloak.web.tasks import How, Task
from cloak.web.trim import Trim
from cloak.web.verdicts import document

SECONDS_A_FACE = 8.0
"""What is thought before any was measured."""


class Engine:
    """Protects photos.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.decoder = Decoder(max_pixels=settings.max_pixels)
        self.seconds_a_face = SECONDS_A_FACE
        self.ready = threading.Event()
        self.failure: CloakError | None = None
        self._first = Bounded(self._config(How()), settings.max_faces)
        self._ending = False
        self._looking = 0
        self._look = ThreadPoolExecutor(2, "cloak-faces", torch.set_num_threads, (1,))
        self._faces = self._caller("cloak-engine")
        self._quick = self._caller("cloak-quick")
        self._trim = Trim()
        self._loader = threading.Thread(target=self._load, name="cloak-load", daemon=True)

    def start(self) -> None:
        """Load the networks and begin to work, in other threads."""
        self.decoder.start()
        self._loader.start()
        self._trim.start()

    @property
    def waiting(self) -> int:
        """Photos that wait."""
        return len(self._faces.waiting) + len(self._quick.waiting) + self._looking

    @property
    def ending(self) -> bool:
        """Whether nothing new is begun."""
        return self._ending

    def submit(self, tasks: Sequence[Task]) -> None:
        """Have photos of one client protected.

        Raises:
            RefusedError: too many clients wait, or the server ends.
        """
        if not any(each.waiting.has(tasks[0].client) for each in (self._faces, self._quick)):
            self._check()
        self._faces.waiting.put(task for task in tasks if task.faces != 0)
        self._quick.waiting.put(task for task in tasks if task.faces == 0)

    async def run(self, task: Task) -> tuple[bytes, Outcome]:
        """Have a photo protected and wait for it; being cancelled gives it up.

        While others are at work, its faces are counted first: without any, it need not wait for theirs.

        Raises:
            RefusedError: it cannot be.
        """
        if task.faces is None and self._faces.current:
            task.faces = await self._count(task)
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
        for each in (self._faces, self._quick):
            each.give_up(tasks)

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
        self._ending = True
        if self._loader.is_alive():
            self._loader.join()
        for each in (self._faces, self._quick):
            each.end()
        self._look.shutdown(cancel_futures=True)
        self.decoder.close()
        self._trim.end()

    def _load(self) -> None:
        try:
            networks = self._first.networks
            _ = networks.detector, networks.surrogates, networks.witness
        except CloakError as error:
            self.failure = error
        self.ready.set()
        if not self._ending and not self.failure:
            self._faces.start()
            self._quick.start()

    def _check(self) -> None:
        """Refuse what there is no room for."""
        if self._ending or self.failure:
            raise stopping()
        if self._faces.waiting.clients + self._quick.waiting.clients + self._looking >= self.settings.queue:
            raise busy(self._patience())

    async def _count(self, task: Task) -> int:
        self._check()
        self._looking += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._look, self._cloaked, task)
        except PhotoError as error:
            raise of_photo(error) from None
        finally:
            self._looking -= 1

    def _cloaked(self, task: Task) -> int:
        """Say how many faces of a photo are to be cloaked; in a thread."""
        return len(self._first.choose([self.decoder.decode(task.content)], [task.choices])[0].faces)

    def _patience(self) -> int:
        """Seconds until there may be a place."""
        faces = sum(task.faces or 1 for task in self._faces.current)
        return max(1, min(300, round(self.seconds_a_face * max(1, faces))))

    def _measured(self, seconds: float) -> None:
        self.seconds_a_face += 0.3 * (seconds - self.seconds_a_face)

    def _caller(self, name: str) -> Caller:
        return Caller(name, self._cloaker, self.decoder, seconds=self.settings.max_seconds, measured=self._measured)

    def _cloaker(self, how: How) -> Cloaker:
        return Bounded(self._config(how), self.settings.max_faces, self._first.networks)

    def _config(self, how: How) -> ProtectConfig:
        return ProtectConfig(
            attack=AttackConfig.preset(how.strength, self.settings.effort),
            weights=self.settings.weights,
            no_face=how.no_face,
            container=how.container,
            device=self.settings.device,
            jobs=self.settings.processors,
            max_pixels=self.settings.max_pixels,
        )
