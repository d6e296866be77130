"""What is done with photos that appear."""

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from cloak import files
from cloak.album import Album
from cloak.cloaker import Cloaker
from cloak.config import FacePolicy, ProtectConfig
from cloak.decoding import Decoder
from cloak.errors import OutputError, PhotoError, UsageError
from cloak.image.strip import strip_bytes
from cloak.outcome import Outcome, Status
from cloak.pipeline import protect
from cloak.references import References
from cloak.sinks import Sink
from cloak.targets import Job, single
from cloak.upload import disks

MAX_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a photo.

    Attributes:
        outcome: as in any run.
        passing: it failed for a reason that may pass by itself.
        upload: its id in the ledger; "" if it was not uploaded.
        notes: what people should know about the upload.
    """

    outcome: Outcome
    passing: bool = False
    upload: str = ""
    notes: tuple[str, ...] = ()


class Work(Protocol):
    """Does photos, and knows which it has done; a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def do(self, photos: Sequence[Path], stop: threading.Event) -> Iterator[Done]:
        """Do photos, in order; when `stop` is set, those in hand are finished and the others left out."""
        ...


class Maker(Protocol):
    """Protects or strips photos into a sink; as a context manager, it keeps what it needs open."""

    config: ProtectConfig
    references: References | None

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def __call__(self, jobs: Sequence[Job], sink: Sink, stop: threading.Event) -> Generator[Outcome, None, None]:
        """Yield what becomes of each photo, in order."""
        ...


class Protector:
    """Cloaks faces, with one set of networks for its whole life.

    Args:
        config: all settings.
        references: the person whom `config.protect` is about.
    """

    def __init__(self, config: ProtectConfig, references: References | None = None) -> None:
        self.config = config
        self.references = references
        self._cloaker = Cloaker(config, references)
        self._decoder = Decoder(max_pixels=config.max_pixels)

    def __enter__(self) -> Self:
        self._decoder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._decoder.__exit__(kind, error, traceback)

    def __call__(self, jobs: Sequence[Job], sink: Sink, stop: threading.Event) -> Generator[Outcome, None, None]:
        """See `Maker`."""
        return protect(jobs, self.config, cloaker=self._cloaker, sink=sink, decoder=self._decoder, stop=stop)


class Stripper:
    """Strips metadata, the coded pictures untouched; no networks are loaded."""

    def __init__(self) -> None:
        # To a manifest, this is a run that cloaks no faces: what one has done, the other need not do again.
        self.config = ProtectConfig(faces=FacePolicy.NONE)
        self.references: References | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def __call__(self, jobs: Sequence[Job], sink: Sink, stop: threading.Event) -> Generator[Outcome, None, None]:
        """See `Maker`."""
        for job in jobs:
            if stop.is_set():
                return
            yield self._strip(job, sink)

    def _strip(self, job: Job, sink: Sink) -> Outcome:
        try:
            sink.refuse(job)
            original = files.read(job.source, max_bytes=MAX_BYTES)
            admitted = sink.admit(job, original)
            if isinstance(admitted, Outcome):
                return admitted
            outcome = Outcome(source=job.source, target=admitted.target, status=Status.STRIPPED)
            sink.take(admitted, strip_bytes(original), outcome)
        except PhotoError as error:
            failed = Outcome(source=job.source, status=Status.FAILED, reason=str(error))
            sink.failed(job, failed)
            return failed
        return outcome


class Filing:
    """Writes photos to the same places below another folder; its manifest says what is done.

    Use it as a context manager. A photo that has changed since is written again, over what was written of it before;
    a file that something else wrote is never replaced.

    Args:
        folder: where photos come from.
        output: where they go.
        make: makes what is written.
    """

    def __init__(self, folder: Path, output: Path, make: Maker) -> None:
        self._folder = folder
        self._output = output
        self._make = make
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._refuse_missing_disk()
        files.check_folder(self._output)
        self._album = self._stack.enter_context(Album(self._output, self._make.config, self._make.references))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def do(self, photos: Sequence[Path], stop: threading.Event) -> Iterator[Done]:
        """See `Work`.

        Raises:
            OutputError: the disk that is written to has gone.
        """
        self._refuse_missing_disk()
        jobs = []
        for path in photos:
            try:
                jobs.append(single(path, self._output / path.relative_to(self._folder)))
            except UsageError as error:  # a link from the output folder to an original
                yield Done(Outcome(source=path, status=Status.FAILED, reason=str(error)))
        with closing(self._make(jobs, self._album, stop)) as outcomes:
            for outcome in outcomes:
                yield Done(outcome)

    def _refuse_missing_disk(self) -> None:
        """Its mount point may still be there: what is written to that lies on another disk, and all is done again."""
        problem = disks.away(self._output)
        if problem:
            raise OutputError(problem)
