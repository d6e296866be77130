"""Strip many files: what `cloak strip` does, for Python.

Files are done by threads. Most of the time goes into waiting for the disk, copying, searching and inflating, for all of
which threads run side by side; processes were slower for small files and for large ones. Needs PyTorch only where
photos are encoded anew.
"""

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cloak import files
from cloak.container import Container
from cloak.errors import ConfigError, PhotoError
from cloak.image.sniff import HEAD, recognise
from cloak.image.strip import preview, rewrite
from cloak.image.strip.base import Keep
from cloak.sources import Source
from cloak.targets import Job

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
        workers: files that are worked on at the same time; some wait for the disk while others use the processors.
    """

    keep: Keep = field(default_factory=Keep)
    reencode: bool = False
    keep_time: bool = False
    overwrite: bool = False
    dry_run: bool = False
    workers: int = field(default_factory=lambda: 2 + (os.cpu_count() or 1))

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
        notes: what people should know about the picture, which was the same before.
    """

    job: Job
    error: str = ""
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
    waiting, left = iter(jobs), len(jobs)
    folders: set[Path] = set()
    ahead: deque[Future[Stripped]] = deque()
    pool = ThreadPoolExecutor(config.workers, thread_name_prefix="cloak")
    try:
        while left or ahead:
            while left and len(ahead) < 4 * config.workers:
                left, job = left - 1, next(waiting)
                folders.add(job.target.parent)
                ahead.append(pool.submit(_strip, job, config))
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        if not config.dry_run:
            for folder in folders:
                files.sync_folder(folder)


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
        time = _modified(job, config)
        planned = rewrite(
            job.source, job.target, config.keep, overwrite=config.overwrite, modified=time, sync=files.Sync.CONTENT
        )
    return Stripped(job=job, removed=planned.removed, kept=planned.kept, notes=planned.notes)


def _encoded(job: Job, config: StripConfig) -> Stripped:
    from cloak.image.codec import decode, encode  # noqa: PLC0415 -- needs PyTorch, see above
    from cloak.image.strip.bare import strip  # noqa: PLC0415

    files.refuse_existing(job.target, overwrite=config.overwrite)
    photo = decode(files.read(job.source, max_bytes=_MOST_BYTES))
    data = encode(strip(photo))
    if not config.dry_run:
        time = _modified(job, config)
        files.write(job.target, data, overwrite=config.overwrite, modified=time, sync=files.Sync.CONTENT)
    return Stripped(job=job, removed=photo.found)


def _modified(job: Job, config: StripConfig) -> int | None:
    return files.check_regular(job.source).st_mtime_ns if config.keep_time else None
