"""What is to be done, in parts that one worker takes up at a time."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath, PurePosixPath

from cloak.config import ProtectConfig
from cloak.distributed.places import HIDDEN, Address, Place, is_url
from cloak.errors import UsageError
from cloak.names import shown
from cloak.outcome import Outcome
from cloak.sources import NOT_A_PHOTO, SUFFIXES, Ignored, Source, find_photos
from cloak.targets import plan

PHOTOS = 64
"""A part has at most so many photos. At the end of each, batches are not full: with fewer, that would show ..."""

BYTES = 64 * 2**20
"""... and at most so many bytes, but for a single photo: memory does not depend on how large the album is."""

Show = Callable[[int, str], None]
"""Takes what the report shows of a photo, by its place among all: HTML, made where its pixels are."""

_NOWHERE = Path(os.devnull) / "cloak"
"""A folder in which nothing can be, for names that are below an URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One photo, as workers are told of it.

    Attributes:
        index: its place among all.
        root: URL of the folder that the original is in; "" for a path of the machine that the run was started on.
        name: its path below that; the whole path.
        target: path of the written file below the output folder, with slashes.
        size: bytes, as they are said to be.
    """

    index: int
    root: str
    name: str
    target: str
    size: int


@dataclass(frozen=True, slots=True)
class Work:
    """One run.

    Attributes:
        config: all settings.
        output: folder or URL to write to.
        tasks: what is to be done.
        sources: where each photo comes from, to be shown.
        ignored: paths that are not processed.
    """

    config: ProtectConfig
    output: str
    tasks: tuple[Task, ...]
    sources: tuple[Path, ...]
    ignored: tuple[Ignored, ...]

    @property
    def orders(self) -> ProtectConfig:
        """The settings as workers get them: whether there is to be a report, and not where on this machine."""
        return replace(self.config, report=Path("report.html") if self.config.report else None)

    def parts(self, workers: int) -> list[list[Task]]:
        """Divide it, so that all workers have something to do."""
        fair = -(-len(self.tasks) // (2 * workers))
        most = max(self.config.batch, min(PHOTOS, fair))
        parts: list[list[Task]] = []
        size = 0
        for task in self.tasks:
            if not parts or len(parts[-1]) == most or size + task.size > BYTES:
                parts.append([])
                size = 0
            parts[-1].append(task)
            size += task.size
        return parts

    def told(self, index: int, outcome: Outcome) -> Outcome:
        """Return an outcome with the paths that the user knows; workers do not know where folders are."""
        target: Path | None = None
        if outcome.target is not None:
            below = PurePath(outcome.target).as_posix()
            target = Address(f"{self.output.rstrip('/')}/{below}") if is_url(self.output) else Path(self.output) / below
        return replace(outcome, source=self.sources[index], target=target)


def pack(tasks: Sequence[Task]) -> str:
    """Write tasks as ASCII: names need not be Unicode."""
    return json.dumps([asdict(task) for task in tasks])


def unpack(text: str) -> list[Task]:
    """Read what `pack` wrote."""
    return [Task(**task) for task in json.loads(text)]


def prepare(paths: Sequence[str], output: str, config: ProtectConfig) -> Work:
    """Find photos on this machine and at URLs, and give each a name below the output.

    Raises:
        UsageError: a path does not exist, or there is no photo.
    """
    here = [Path(path) for path in paths if not is_url(path)]
    found = find_photos(here, output=None if is_url(output) else Path(output)) if here else None
    sources = list(found.sources) if found else []
    ignored = list(found.ignored) if found else []
    roots = {os.fspath(source.path): ("", os.path.abspath(source.path), _size(source.path)) for source in sources}  # noqa: PTH100 -- resolve() would follow links
    for url in [path for path in paths if is_url(path)]:
        prefix = PurePosixPath(url.rstrip("/").rpartition("/")[2]) if len(paths) > 1 else PurePosixPath()
        for each, place, size in _at(url, output, ignored):
            below = prefix / each if each else PurePosixPath(url.rpartition("/")[2])
            address = Address(f"{url.rstrip('/')}/{each}" if each else url)
            if str(address) not in roots:
                roots[str(address)] = (place, each, size)
                sources.append(Source(address, PurePath(below)))
    if not sources and not any(each.failed for each in ignored):
        raise UsageError(f"no photos in {', '.join(map(shown, paths))}: nothing to do")
    folder = _NOWHERE if is_url(output) else Path(output)
    jobs = plan(sources, folder, names=config.names, container=config.container)
    tasks = []
    for index, (job, source) in enumerate(zip(jobs, sources, strict=True)):
        root, name, size = roots[os.fspath(source.path)]
        target = job.target.relative_to(folder).as_posix()
        tasks.append(Task(index=index, root=root, name=name, target=target, size=size))
    return Work(config, output, tuple(tasks), tuple(source.path for source in sources), tuple(ignored))


def _at(url: str, output: str, ignored: list[Ignored]) -> Iterator[tuple[str, str, int]]:
    """Yield name below the URL, the URL, and size of each photo there."""
    place = Place(url)
    written = output.rstrip("/") + "/"
    if written == place.url + "/":
        raise UsageError(f"{shown(url)} is both input and output: originals are never changed, name another -o")
    for name, size in place.files():
        address = f"{place.url}/{name}" if name else place.url
        parts = name.split("/")
        if HIDDEN in parts or address.startswith(written) or (name.endswith("/") and not size):
            continue
        if ".." in parts or "\0" in name:
            ignored.append(Ignored(Address(address), "its name leads out of the folder", failed=True))
        elif name and PurePosixPath(name).suffix.lower() not in SUFFIXES:
            ignored.append(Ignored(Address(address), NOT_A_PHOTO))
        else:
            yield name, place.url, size


def _size(path: Path) -> int:
    with suppress(OSError):  # it will be said when it is read
        return path.stat().st_size
    return 0
