"""Decide what each written file is called."""

import os
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from hashlib import blake2b
from itertools import count
from pathlib import Path, PurePath

from cloak.container import Container
from cloak.errors import OutputError, UsageError
from cloak.listing import Listing
from cloak.names import NamePolicy, shown
from cloak.sources import Source

SUFFIXES = {
    Container.JPEG: (".jpg", ".jpeg", ".jpe", ".jfif"),
    Container.PNG: (".png", ".apng"),
    Container.WEBP: (".webp",),
    Container.AVIF: (".avif", ".avifs"),
    Container.HEIC: (".heic", ".heif", ".hif", ".heics", ".heifs"),
    Container.TIFF: (".tiff", ".tif"),
    Container.GIF: (".gif",),
    Container.BMP: (".bmp", ".dib"),
    Container.JP2: (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
}
"""The suffixes of each container; the first is the one that we give."""


class Treatment(StrEnum):
    """What somebody who looked at a photo chose for one of its faces."""

    PROTECT = "protect"
    BLUR = "blur"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to read and the file to write.

    Attributes:
        source: the file to read; a name alone where there is a content.
        target: the file to write; a name alone where a sink writes no files.
        content: the bytes of the original, where they are in memory; nothing is read then.
        choices: what was chosen for single faces, by their place among all that `cloak.cloaker.Cloaker.detect` finds.
    """

    source: Path
    target: Path
    content: bytes | None = field(default=None, repr=False)
    choices: Mapping[int, Treatment] = field(default_factory=dict)


def plan(
    sources: Sequence[Source],
    output: Path,
    *,
    names: NamePolicy = NamePolicy.KEEP,
    container: Container | Sequence[Container | None] | None = None,
) -> Sequence[Job]:
    """Give every source a target of its own, the same ones in every run unless names are random.

    A source keeps its place and its name; its suffix changes with the container. Where two would get the same name
    (on file systems that ignore case and Unicode form, too), a source whose suffix changes keeps the old one as part
    of its name (``a.png.jpg``), and what still clashes is numbered (``a-2.jpg``). Random names are drawn from the
    system's source of randomness, and the folders are left out: their names tell as much as a file's.

    Args:
        sources: what will be read.
        output: the folder to write to.
        names: what files are called.
        container: what will be written: of one kind for all, or of each; None for what the source's name says.

    Raises:
        UsageError: a target would be one of the sources, or the output folder one of theirs.
        OutputError: the output path is not a folder.
    """
    if output.exists() and not output.is_dir():
        raise OutputError(f"{shown(output)} is a file: name a folder with -o")
    containers = [container] * len(sources) if container is None or isinstance(container, Container) else container
    if names is NamePolicy.RANDOM:
        endings = [_suffix(s.path, kind) for s, kind in zip(sources, containers, strict=True)]
        targets: Iterable[PurePath] = [PurePath(secrets.token_hex(8) + ending) for ending in endings]
    else:
        targets = _unique(sources, containers)
    names_of = ((os.fspath(s.path), os.fspath(name)) for s, name in zip(sources, targets, strict=True))
    jobs = Listing(partial(_job, output), names_of)
    _refuse_sources(jobs)
    return jobs


def _job(output: Path, source: str, name: str) -> Job:
    return Job(Path(source), output / name)


def single(source: Path, target: Path) -> Job:
    """Give one source the target that the user named, whatever its suffix.

    Raises:
        UsageError: it is the source.
    """
    job = Job(source, target)
    _refuse_sources([job])
    return job


def _suffix(path: PurePath, container: Container | None) -> str:
    """Return the usual suffix of the container, or of the one that the source's suffix stands for."""
    old = path.suffix.lower()
    if container is None:
        container = next((kind for kind, suffixes in SUFFIXES.items() if old in suffixes), None)
    return SUFFIXES[container][0] if container else old


def _unique(sources: Sequence[Source], containers: Sequence[Container | None]) -> Iterator[PurePath]:
    keeping = [
        kind is None or s.relative.suffix.lower() in SUFFIXES[kind] for s, kind in zip(sources, containers, strict=True)
    ]
    reserved: set[int] = set()
    if not all(keeping):
        reserved = {_key(s.relative) for s, keeps in zip(sources, keeping, strict=True) if keeps}
    taken: set[int] = set()
    for source, keeps, kind in zip(sources, keeping, containers, strict=True):
        for name in _options(source.relative, None if keeps else _suffix(source.relative, kind)):
            key = _key(name)
            if key not in taken and (keeps or key not in reserved):
                break
        taken.add(key)
        yield name


def _options(name: PurePath, suffix: str | None) -> Iterator[PurePath]:
    """Yield the names that a source may get, best first, without end."""
    if suffix is not None:
        yield name.with_suffix(suffix)
        name = name.with_name(name.name + suffix)
    yield name
    for number in count(2):
        yield name.with_name(f"{name.stem}-{number}{name.suffix}")


def _key(name: PurePath) -> int:
    """Return a number for names that are the same to some file system; two others that share one get unlike names."""
    text = unicodedata.normalize("NFC", os.fspath(name)).casefold()
    return int.from_bytes(blake2b(os.fsencode(text), digest_size=8).digest(), "big")


def _refuse_sources(jobs: Sequence[Job]) -> None:
    there = {identity for job in jobs if (identity := _identity(job.target))}
    originals = {identity for job in jobs if there and (identity := _identity(job.source)) in there}
    for job in jobs if originals else ():
        if _identity(job.target) in originals:
            raise UsageError(
                f"{shown(job.target)} is one of the originals, and originals are never changed: "
                "name another output folder with -o"
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
