"""The one data flow, from files to protected files.

A photo's path is that of the methods of `_Path`, from top to bottom::

    open      source -> bytes -> (another process) -> Photo
    begin     its faces, which of them are cloaked, their crops
    search    the crops of a batch, from many photos -> deltas
    finish    Photo and deltas -> Photo -> bytes -> verdict -> sink

Each arrow of it is one module with one public function; docs/architecture.md has the map. `cloak.schedule` says which
photo is worked on when: memory is set by its queues, never by how many photos there are.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import torch

from cloak.batching import Row, join
from cloak.cloaker import Cloaker
from cloak.config import BystanderPolicy, FacePolicy, NoFacePolicy, ProtectConfig, ProtectPolicy
from cloak.container import LOSSLESS, Container, Encoding
from cloak.crew import crew
from cloak.decoding import Decoder
from cloak.device import pick_devices
from cloak.errors import NoFaceError, PhotoError
from cloak.faces.blur import blur
from cloak.faces.composite import composite
from cloak.faces.frame import frame
from cloak.files import read
from cloak.image.codec import decode, encode
from cloak.image.strip.bare import strip
from cloak.meter import Meter
from cloak.outcome import Outcome, Pictures, Status
from cloak.photo import Photo
from cloak.schedule import SAID, Schedule
from cloak.selection import Chosen
from cloak.shortage import memory_for
from cloak.sinks import Files, Sink
from cloak.steps import Begun
from cloak.targets import Job
from cloak.verify import verify

WINDOW = {"cpu": 8}
"""Photos that wait for other faces to fill a batch: few where that gains little, so that results come soon; or 64."""

QUALITY = 90
"""For lossy formats that a photo did not come in."""

BYTES_PER_PIXEL = 8
"""No photo needs more: that is 16 bits of red, green, blue and alpha without compression ..."""

MIN_LIMIT = 256 * 2**20
"""... but a small one may carry a film."""


def protect(
    jobs: Sequence[Job],
    config: ProtectConfig,
    *,
    cloaker: Cloaker | None = None,
    searchers: Sequence[Cloaker] = (),
    sink: Sink | None = None,
    decoder: Decoder | None = None,
    stop: threading.Event | None = None,
    meter: Meter | None = None,
) -> Generator[Outcome, None, None]:
    """Protect photos and write them, one outcome for each job, in order.

    Each file is written before its outcome is yielded, and some may be written earlier than that. When the caller
    stops, nothing is left half done. A photo that fails is one outcome. With `config.report` set, outcomes carry their
    pictures: drop them, or they pile up.

    Args:
        jobs: what to read and where to write it; see `cloak.targets.plan`.
        config: all settings.
        cloaker: one to use again, made with the same settings; the one that knows whom `config.protect` is about.
        searchers: who search for cloaks side by side, one on each device, all with the same settings but the device;
            the cloaker alone, if none, and one more for each further GPU that `config.device` means.
        sink: what takes the protected photos, if not files.
        decoder: one to use again, which stays open.
        stop: when it is set, what is being written is finished and yielded, the rest is given up.
        meter: what the time of each stage is added to.

    Raises:
        CloakError: something that concerns all photos, such as weights that cannot be had.
    """
    cloaker = cloaker or Cloaker(config)
    searchers = searchers or [cloaker, *_others(config)]
    stop = stop or threading.Event()
    device = cloaker.networks.device
    # With pictures for the report, outcomes are large: few of them may wait to be in order.
    window, said = (1, 16) if config.report else (WINDOW.get(device.type, 64), SAID)
    with ExitStack() as stack:
        decoder = decoder or stack.enter_context(Decoder(max_pixels=config.max_pixels))
        decoder.start()  # while the networks are loaded
        path = _Path(
            config, cloaker, decoder, sink or Files(overwrite=config.overwrite), stop=stop, searchers=searchers
        )
        path.meter = meter or path.meter
        threads = crew(device, len(jobs), config.jobs, batch=config.batch, devices=len(searchers))
        schedule = Schedule(path, threads, window=window, stop=stop, said=said)
        yield from stack.enter_context(schedule).outcomes(jobs)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A decoded photo, and the job that the sink made of it."""

    job: Job
    photo: Photo


class _Path:
    """What is done to a photo."""

    def __init__(
        self,
        config: ProtectConfig,
        cloaker: Cloaker,
        decoder: Decoder,
        sink: Sink,
        *,
        stop: threading.Event,
        searchers: Sequence[Cloaker],
    ) -> None:
        self.config, self.cloaker, self.decoder, self.sink, self.stop = config, cloaker, decoder, sink, stop
        self.searchers = searchers
        self._busy = [0] * len(searchers)
        self._mutex = threading.Lock()
        self.meter = Meter()

    def open(self, job: Job) -> "_Opened | Outcome":
        """Read and decode a photo."""
        try:
            with memory_for("the photo"):
                self.sink.refuse(job)
                with self.meter.measure("read"):
                    data = self._read(job)
                    admitted = self.sink.admit(job, data)
                if isinstance(admitted, Outcome):
                    return admitted
                job = replace(admitted, content=None)  # its pixels are enough from here on
                with self.meter.measure("decode"):
                    return _Opened(job, self.decoder.decode(data, stop=self.stop))
        except PhotoError as error:
            return self.fail(job, error)  # the sink knows the job by what it made of it

    def begin(self, opened: "_Opened | Outcome") -> Begun | Outcome:
        """Find the faces of a photo."""
        if isinstance(opened, Outcome):
            return opened
        try:
            with memory_for("the photo"):
                return self._begin(opened.job, opened.photo)
        except PhotoError as error:
            return self.fail(opened.job, error)

    def _begin(self, job: Job, photo: Photo) -> Begun | Outcome:
        with self.meter.measure("detect"):
            chosen = self.cloaker.choose([photo], [job.choices])[0]
        self._check(chosen)
        if self.config.dry_run:
            return _outcome(job, photo, chosen, done=False)
        canvas = blur(photo, chosen.blurred)  # before any cloak is a function of what the blur is to destroy
        parts = frame([canvas], [chosen.faces], lossless=self._encoding(photo).lossless)
        deltas = [torch.zeros_like(part.crops) for part in parts]
        return Begun(job, photo, chosen, canvas, parts, deltas, todo=len(chosen.faces))

    def search(self, group: Sequence[Row[Begun]]) -> None:
        """Find the deltas of a batch of faces."""
        with self.meter.measure("attack", len(group)), memory_for("its faces"), self._searcher() as searcher:
            deltas = searcher.search(join(group), stop=self.stop)
        for row, delta in zip(group, deltas, strict=True):
            row.owner.deltas[row.part][row.index] = delta

    @contextmanager
    def _searcher(self) -> Iterator[Cloaker]:
        """Lend the searcher that has the least to do."""
        with self._mutex:
            index = min(range(len(self.searchers)), key=self._busy.__getitem__)
            self._busy[index] += 1
        try:
            yield self.searchers[index]
        finally:
            with self._mutex:
                self._busy[index] -= 1

    def finish(self, begun: Begun) -> Outcome:
        """Put the deltas into a photo, encode it, judge it and hand it over."""
        with memory_for("the photo"):
            return self._finish(begun)

    def _finish(self, begun: Begun) -> Outcome:
        photo, chosen, pixels = begun.photo, begun.chosen, begun.canvas.pixels
        with self.meter.measure("encode"):
            for part, deltas in zip(begun.parts, begun.deltas, strict=True):
                for index in range(len(part)):
                    pixels = composite(pixels, part, deltas, index)
            data = self._bytes(replace(begun.canvas, pixels=pixels))
        with self.meter.measure("verify"):
            verdict = verify(data, photo, chosen.faces, self.cloaker.networks, blurred=chosen.blurred)
        pictures = self._pictures(data, photo, chosen) if self.config.report else None
        outcome = _outcome(begun.job, photo, chosen, done=True)
        outcome = replace(outcome, faces=verdict.faces, blurs=verdict.blurs, pictures=pictures)
        with self.meter.measure("write"):
            self.sink.take(begun.job, data, outcome)
        return outcome

    def fail(self, job: Job, error: PhotoError) -> Outcome:
        """Say that a photo failed."""
        outcome = Outcome(source=job.source, status=Status.FAILED, reason=str(error))
        self.sink.failed(job, outcome)
        return outcome

    def give_up(self) -> None:
        """End the processes that decode for this run."""
        self.decoder.give_up(self.stop)

    def _read(self, job: Job) -> bytes:
        if job.content is not None:
            return job.content
        return read(job.source, max_bytes=max(MIN_LIMIT, BYTES_PER_PIXEL * self.config.max_pixels))

    def _check(self, chosen: Chosen) -> None:
        found = (*chosen.faces, *chosen.left, *chosen.blurred)
        faceless = not found and self.config.faces is not FacePolicy.NONE
        if faceless and self.config.no_face is NoFacePolicy.FAIL:
            raise NoFaceError("no face was found: look at it, and use --no-face strip to have it stripped only")

    def _bytes(self, photo: Photo) -> bytes:
        return encode(strip(photo), self._encoding(photo))

    def _encoding(self, photo: Photo) -> Encoding:
        return encoding_for(photo.encoding, self.config.container)

    def _pictures(self, data: bytes, photo: Photo, chosen: Chosen) -> Pictures:
        return Pictures(
            before=photo,
            after=decode(data, max_pixels=photo.width * photo.height),
            uncloaked=verify(self._bytes(photo), photo, chosen.faces, self.cloaker.networks),
        )


def _others(config: ProtectConfig) -> list[Cloaker]:
    """Return a cloaker for each device but the first; they search only, so they need to know nobody."""
    if config.faces is FacePolicy.NONE:
        return []
    blind = replace(config, protect=ProtectPolicy.ALL, bystanders=BystanderPolicy.LEAVE)
    return [Cloaker(replace(blind, device=str(each))) for each in pick_devices(config.device)[1:]]


def encoding_for(encoding: Encoding, container: Container | None) -> Encoding:
    """Return how to compress a photo in another container, or as it was where it keeps its own."""
    if container in (None, encoding.container):
        return encoding
    quality = None if container in LOSSLESS else QUALITY
    return Encoding(container=container, quality=quality, subsampling=encoding.subsampling)


def _outcome(job: Job, photo: Photo, chosen: Chosen, *, done: bool) -> Outcome:
    treated = bool(chosen.faces or chosen.blurred)
    would, did = (Status.WOULD_PROTECT, Status.PROTECTED) if treated else (Status.WOULD_STRIP, Status.STRIPPED)
    return Outcome(
        source=job.source,
        target=job.target,
        status=did if done else would,
        found=len(chosen.faces),
        left=tuple(one.reason for one in chosen.left),
        blurred=len(chosen.blurred),
        uncertain=len(chosen.uncertain),
        removed=photo.found,
    )
