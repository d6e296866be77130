"""The one data flow, from files to protected files.

Photos are read ahead by a few threads, taken in windows, cloaked together, and encoded by the same threads while other
faces of the window are still being worked on. Memory is set by the window and the number of threads, never by how many
photos there are.
"""

import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from cloak.cloaker import Cloaker
from cloak.config import FacePolicy, NoFacePolicy, ProtectConfig
from cloak.container import Container, Encoding
from cloak.errors import NoFaceError, PhotoError
from cloak.files import read
from cloak.image.codec import decode, encode
from cloak.image.strip.bare import strip
from cloak.outcome import Outcome, Pictures, Status
from cloak.photo import Photo
from cloak.selection import Chosen
from cloak.sinks import Files, Sink
from cloak.targets import Job
from cloak.verify import verify

THREADS = min(4, os.cpu_count() or 1)
WINDOW_PIXELS = 24_000_000
"""A window is closed when its photos have this many pixels together; one photo may have more."""

WINDOW_PHOTOS = {"cpu": 4}
"""... or when it holds this many photos: few where there is nothing to fill, so that results come soon."""


QUALITY = 90
"""For lossy formats that a photo did not come in."""

BYTES_PER_PIXEL = 8
"""No photo needs more: that is 16 bits of red, green, blue and alpha without compression ..."""

MIN_LIMIT = 256 * 2**20
"""... but a small one may carry a film."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A job and its photo, or why there is none."""

    job: Job
    photo: Photo | None = None
    error: PhotoError | None = None


def protect(
    jobs: Sequence[Job], config: ProtectConfig, *, cloaker: Cloaker | None = None, sink: Sink | None = None
) -> Generator[Outcome, None, None]:
    """Protect photos and write them, one outcome for each job, in order.

    Each file is written before its outcome is yielded; when the caller stops, nothing is left half done. A photo that
    fails is one outcome. With `config.report` set, outcomes carry their pictures: drop them, or they pile up.

    Args:
        jobs: what to read and where to write it; see `cloak.targets.plan`.
        config: all settings.
        cloaker: one to use again, made with the same settings; the one that knows whom `config.protect` is about.
        sink: what takes the protected photos, if not files.

    Raises:
        CloakError: something that concerns all photos, such as weights that cannot be had.
    """
    run = _Run(config, cloaker or Cloaker(config), sink or Files(overwrite=config.overwrite))
    try:
        for window in run.windows(jobs):
            yield from run.outcomes(window)
    finally:
        run.pool.shutdown(cancel_futures=True)


class _Run:
    """One call of `protect`."""

    def __init__(self, config: ProtectConfig, cloaker: Cloaker, sink: Sink) -> None:
        self.config = config
        self.cloaker = cloaker
        self.sink = sink
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="cloak")

    def windows(self, jobs: Sequence[Job]) -> Iterator[list[_Loaded]]:
        """Load photos ahead of need and group them."""
        ahead: deque[Future[_Loaded]] = deque()
        waiting = deque(jobs)
        window: list[_Loaded] = []
        most = WINDOW_PHOTOS.get(self.cloaker.networks.device.type, 64)
        while waiting or ahead:
            while waiting and len(ahead) < THREADS:
                ahead.append(self.pool.submit(self._load, waiting.popleft()))
            window.append(ahead.popleft().result())
            pixels = sum(one.photo.width * one.photo.height for one in window if one.photo)
            if len(window) >= most or pixels >= WINDOW_PIXELS:
                yield window
                window = []
        if window:
            yield window

    def outcomes(self, window: Sequence[_Loaded]) -> Iterator[Outcome]:
        """Cloak, encode, verify and write the photos of one window."""
        photos = [one.photo for one in window if one.photo]
        results = self._previewed(photos) if self.config.dry_run else self._cloaked(photos)
        for one in window:
            yield self._finish(one.job, *next(results)) if one.photo else _failed(one.job, one.error)

    def _load(self, job: Job) -> _Loaded:
        try:
            self.sink.refuse(job)
            data = read(job.source, max_bytes=max(MIN_LIMIT, BYTES_PER_PIXEL * self.config.max_pixels))
            return _Loaded(job, decode(data, max_pixels=self.config.max_pixels))
        except PhotoError as error:
            return _Loaded(job, error=error)

    def _previewed(self, photos: Sequence[Photo]) -> Iterator[tuple[Photo, Chosen, None]]:
        """Yield what there is to cloak, in order."""
        for photo, chosen in zip(photos, self.cloaker.choose(photos), strict=True):
            yield photo, chosen, None

    def _cloaked(self, photos: Sequence[Photo]) -> Iterator[tuple[Photo, Chosen, Future[bytes]]]:
        """Cloak photos together and encode each as soon as it is ready; yield them in order when all are cloaked."""
        ready = {
            index: (cloaked.chosen, self.pool.submit(self._bytes, cloaked.photo))
            for index, cloaked in self.cloaker.cloak(photos)
        }
        for index, photo in enumerate(photos):
            yield photo, *ready.pop(index)

    def _bytes(self, photo: Photo) -> bytes:
        return encode(strip(photo), encoding_for(photo.encoding, self.config.container))

    def _finish(self, job: Job, photo: Photo, chosen: Chosen, encoded: Future[bytes] | None) -> Outcome:
        """Judge what was encoded, write it, and say what became of the photo."""
        outcome = Outcome(
            source=job.source,
            target=job.target,
            status=Status.WOULD_PROTECT if chosen.faces or chosen.blurred else Status.WOULD_STRIP,
            found=len(chosen.faces),
            left=tuple(one.reason for one in chosen.left),
            blurred=len(chosen.blurred),
            uncertain=chosen.uncertain,
            removed=photo.found,
        )
        try:
            self._check(chosen)
            return self._write(job, outcome, photo, chosen, encoded.result()) if encoded else outcome
        except PhotoError as error:
            return _failed(job, error)

    def _check(self, chosen: Chosen) -> None:
        found = (*chosen.faces, *chosen.left, *chosen.blurred)
        faceless = not found and self.config.faces is not FacePolicy.NONE
        if faceless and self.config.no_face is NoFacePolicy.FAIL:
            raise NoFaceError("no face was found: look at it, and use --no-face strip to have it stripped only")

    def _write(self, job: Job, outcome: Outcome, photo: Photo, chosen: Chosen, data: bytes) -> Outcome:
        verdict = verify(data, photo, chosen.faces, self.cloaker.networks, blurred=chosen.blurred)
        pictures = self._pictures(data, photo, chosen) if self.config.report else None
        status = Status.PROTECTED if chosen.faces or chosen.blurred else Status.STRIPPED
        outcome = replace(outcome, status=status, faces=verdict.faces, blurs=verdict.blurs, pictures=pictures)
        # Not in this thread: Ctrl-C is raised here, between any two steps, and could leave a temporary file.
        self.pool.submit(self.sink.take, job, data, outcome).result()
        return outcome

    def _pictures(self, data: bytes, photo: Photo, chosen: Chosen) -> Pictures:
        return Pictures(
            before=photo,
            after=decode(data, max_pixels=photo.width * photo.height),
            uncloaked=verify(self._bytes(photo), photo, chosen.faces, self.cloaker.networks),
        )


def encoding_for(encoding: Encoding, container: Container | None) -> Encoding:
    """Return how to compress a photo in another container, or as it was where it keeps its own."""
    if container in (None, encoding.container):
        return encoding
    lossless = container in (Container.PNG, Container.TIFF)
    return Encoding(container=container, quality=None if lossless else QUALITY, subsampling=encoding.subsampling)


def _failed(job: Job, error: PhotoError | None) -> Outcome:
    return Outcome(source=job.source, status=Status.FAILED, reason=str(error))
