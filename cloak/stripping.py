"""Strip many files: what `cloak strip` does, for Python.

Few files are done by threads, many by processes: to follow the structure of a file is work for the interpreter, and
each process has its own. Needs PyTorch only where photos are encoded anew.
"""

import os
import signal
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from cloak import files
from cloak.container import Container
from cloak.errors import ConfigError, PhotoError
from cloak.image.sniff import HEAD, recognise
from cloak.image.strip import preview, rewrite
from cloak.image.strip.base import Keep
from cloak.sources import Source
from cloak.targets import Job

_WORTH_PROCESSES = 64  # files; it takes as long to start one as to strip thirty
_BATCH = 8
_MOST_BYTES = 1 << 31  # of a file that is encoded anew


@dataclass(frozen=True, slots=True, kw_only=True)
class StripConfig:
    """One run of `strip_photos`.

    Attributes:
        keep: what may stay beside the picture, where it is copied.
        reencode: decode the picture and encode it anew, rather than copy it.
        keep_time: the new file says that it was last changed when the old one was.
        overwrite: replace files that are already there.
        dry_run: do everything except write.
        workers: files that are worked on at the same time.
    """

    keep: Keep = field(default_factory=Keep)
    reencode: bool = False
    keep_time: bool = False
    overwrite: bool = False
    dry_run: bool = False
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"workers must be at least 1, got {self.workers}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripped:
    """What became of a file.

    Attributes:
        job: what was to be done.
        error: why it failed; "" if it did not.
        removed: names of what the original had and the new file has not.
        kept: names of what stayed beside the picture.
    """

    job: Job
    error: str = ""
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def containers(sources: Sequence[Source]) -> list[Container | None]:
    """Tell what files are from their content, for `cloak.targets.plan`; None where that is not an image we strip."""
    return [_container(source) for source in sources]


def _container(source: Source) -> Container | None:
    try:
        files.check_regular(source.path)
        with source.path.open("rb") as file:
            return recognise(file.read(HEAD))
    except (PhotoError, OSError):
        return None


def strip_photos(jobs: Sequence[Job], config: StripConfig | None = None) -> Generator[Stripped, None, None]:
    """Strip files, one result for each job, in order.

    A file that fails is one result. When the caller stops, the files in hand are finished and no others begun.

    Args:
        jobs: what to read and where to write it; see `cloak.targets.plan`.
        config: all settings.
    """
    config = config or StripConfig()
    batches = deque(tuple(jobs[start : start + _BATCH]) for start in range(0, len(jobs), _BATCH))
    ahead: deque[Future[list[Stripped]]] = deque()
    pool = _pool(len(jobs), config)
    try:
        while batches or ahead:
            while batches and len(ahead) <= 2 * config.workers:
                ahead.append(pool.submit(_strip_batch, batches.popleft(), config))
            yield from ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(count: int, config: StripConfig) -> Executor:
    workers = min(config.workers, max(1, -(-count // _BATCH)))
    if workers == 1 or (count < _WORTH_PROCESSES and not config.reencode):
        return ThreadPoolExecutor(workers, thread_name_prefix="cloak")
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 -- not needed for a few files
    from multiprocessing import get_context  # noqa: PLC0415

    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_parent)


def _leave_interrupts_to_parent() -> None:
    """Ctrl-C reaches every process of a terminal: the file in hand is to be finished."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _strip_batch(jobs: Sequence[Job], config: StripConfig) -> list[Stripped]:
    return [_strip(job, config) for job in jobs]


def _strip(job: Job, config: StripConfig) -> Stripped:
    try:
        return _encoded(job, config) if config.reencode else _copied(job, config)
    except PhotoError as error:
        return Stripped(job=job, error=str(error))


def _copied(job: Job, config: StripConfig) -> Stripped:
    if config.dry_run:
        files.refuse_existing(job.target, overwrite=config.overwrite)
        planned = preview(job.source, config.keep)
    else:
        planned = rewrite(
            job.source, job.target, config.keep, overwrite=config.overwrite, modified=_modified(job, config)
        )
    return Stripped(job=job, removed=planned.removed, kept=planned.kept)


def _encoded(job: Job, config: StripConfig) -> Stripped:
    from cloak.image.codec import decode, encode  # noqa: PLC0415 -- needs PyTorch, see above
    from cloak.image.strip.bare import strip  # noqa: PLC0415

    files.refuse_existing(job.target, overwrite=config.overwrite)
    photo = decode(files.read(job.source, max_bytes=_MOST_BYTES))
    data = encode(strip(photo))
    if not config.dry_run:
        files.write(job.target, data, overwrite=config.overwrite, modified=_modified(job, config))
    return Stripped(job=job, removed=photo.found)


def _modified(job: Job, config: StripConfig) -> int | None:
    return files.check_regular(job.source).st_mtime_ns if config.keep_time else None
