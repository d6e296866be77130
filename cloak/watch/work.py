"""What is done with photos that appear."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from cloak import files
from cloak.album import Album
from cloak.cloaker import Cloaker
from cloak.config import FacePolicy, ProtectConfig
from cloak.decoding import Decoder
from cloak.errors import PhotoError, UsageError
from cloak.image.strip import strip_bytes
from cloak.outcome import Outcome, Status
from cloak.pipeline import protect
from cloak.references import References
from cloak.targets import Job, single

MAX_BYTES = 1 << 30


class Work(Protocol):
    """Does photos, and knows which it has done."""

    def do(self, photos: Sequence[Path], stop: threading.Event) -> Iterator[tuple[Outcome, bool]]:
        """Do photos, in order, and say of each what became of it and whether that may be otherwise by and by."""
        ...


class _IntoFolder:
    """Writes photos to the same places below another folder; its manifest says what is done.

    Use it as a context manager. A photo that has changed since is written again, over what was written of it before;
    a file that something else wrote is never replaced.
    """

    def __init__(self, folder: Path, output: Path, config: ProtectConfig, references: References | None) -> None:
        self.config = config
        self._folder = folder
        self._output = output
        self._references = references
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        files.check_folder(self._output)
        with ExitStack() as stack:
            self._open(stack)
            self.album = stack.enter_context(Album(self._output, self.config, self._references))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _open(self, stack: ExitStack) -> None:
        """Get ready what is kept for the whole life."""

    def do(self, photos: Sequence[Path], stop: threading.Event) -> Iterator[tuple[Outcome, bool]]:
        """See `Work`."""
        jobs = []
        for path in photos:
            try:
                jobs.append(single(path, self._output / path.relative_to(self._folder)))
            except UsageError as error:  # a link from the output folder to an original
                yield Outcome(source=path, status=Status.FAILED, reason=str(error)), False
        for outcome in self._each(jobs, stop):
            yield outcome, False

    def _each(self, jobs: Sequence[Job], stop: threading.Event) -> Iterator[Outcome]:
        raise NotImplementedError


class Protecting(_IntoFolder):
    """Cloaks faces, with one set of networks for its whole life.

    Args:
        folder: where photos come from.
        output: where they go.
        config: all settings.
        references: the person whom `config.protect` is about.
    """

    def __init__(self, folder: Path, output: Path, config: ProtectConfig, references: References | None = None) -> None:
        super().__init__(folder, output, config, references)

    def _open(self, stack: ExitStack) -> None:
        self._decoder = stack.enter_context(Decoder(max_pixels=self.config.max_pixels))
        self._cloaker = Cloaker(self.config, self._references)

    def _each(self, jobs: Sequence[Job], stop: threading.Event) -> Iterator[Outcome]:
        return protect(jobs, self.config, cloaker=self._cloaker, sink=self.album, decoder=self._decoder, stop=stop)


class Stripping(_IntoFolder):
    """Strips metadata, the coded pictures untouched; no networks are loaded.

    Args:
        folder: where photos come from.
        output: where they go.
    """

    def __init__(self, folder: Path, output: Path) -> None:
        # To the manifest, this is a run that cloaks no faces: what one has done, the other need not do again.
        super().__init__(folder, output, ProtectConfig(faces=FacePolicy.NONE), None)

    def _each(self, jobs: Sequence[Job], stop: threading.Event) -> Iterator[Outcome]:
        for job in jobs:
            if stop.is_set():
                return
            yield self._strip(job)

    def _strip(self, job: Job) -> Outcome:
        try:
            self.album.refuse(job)
            original = files.read(job.source, max_bytes=MAX_BYTES)
            admitted = self.album.admit(job, original)
            if isinstance(admitted, Outcome):
                return admitted
            outcome = Outcome(source=job.source, target=admitted.target, status=Status.STRIPPED)
            self.album.take(admitted, strip_bytes(original), outcome)
        except PhotoError as error:
            failed = Outcome(source=job.source, status=Status.FAILED, reason=str(error))
            self.album.failed(job, failed)
            return failed
        return outcome
