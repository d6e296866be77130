"""Find the photos that the user means."""

import errno
import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from cloak.errors import UsageError
from cloak.listing import Listing
from cloak.names import shown

SUFFIXES = frozenset(
    f".{name}"
    for line in (
        "jpg jpeg jpe jfif mpo png apng webp avif avifs heic heif hif heics heifs tif tiff",
        "gif bmp dib jp2 j2k j2c jpc jpf jpx jxl dng cr2 cr3 nef arw orf raf rw2",
    )
    for name in line.split()
)
"""What counts as a photo inside a folder. Those that cannot be read are reported as failed, not passed over."""

NOT_A_PHOTO = "not a photo, by its name"

_NOTES = b"\0\5\x16\7"
"""How the files begin that macOS keeps beside others, as ``._name``, on disks that are not its own."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, and where it belongs below the output folder."""

    path: Path
    relative: PurePath


@dataclass(frozen=True, slots=True)
class Ignored:
    """A path that is not processed, and why. `failed` says whether the user has to know."""

    path: Path
    reason: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """All there is to do, in a stable order."""

    sources: Sequence[Source]
    ignored: tuple[Ignored, ...]


def find_photos(paths: Sequence[Path], *, output: Path | None = None) -> Found:
    """Expand files, folders and patterns into photos.

    A file given by name is taken whatever it is called; inside folders, files with a photo's suffix are. Links are
    followed, but no folder is visited twice. The output folder is left out. One folder's photos keep their places
    below it; of several folders, each keeps its own name.

    Args:
        paths: files, folders, or patterns with ``*``, ``?``, ``[`` for shells that do not expand them.
        output: the folder that will be written to, if there is one.

    Raises:
        UsageError: a path does not exist, is also the output folder, or there is no photo.
    """
    given = [path for pattern in paths for path in _expand(pattern)]
    if missing := [path for path in given if not os.path.lexists(path)]:
        raise UsageError(f"no such file or folder: {', '.join(map(shown, missing))}")
    folders = [path for path in given if path.is_dir()]
    if same := [path for path in folders if output and _real(path) == _real(output)]:
        raise UsageError(f"{shown(same[0])} is both input and output: originals are never changed, name another -o")
    walk = _Walk(output)
    rows: dict[str, tuple[str, str]] = {}
    for path in given:
        prefix = PurePath(_real(path).name) if len(folders) > 1 else PurePath()
        inside = walk.photos(path, prefix) if path.is_dir() else [Source(path, PurePath(path.name))]
        for source in inside:
            name = os.fspath(source.path)
            # resolve() would follow links; where they are the same, one text serves as both
            where = name if os.path.isabs(name) and ".." not in name else os.path.abspath(name)  # noqa: PTH100, PTH117
            rows.setdefault(where, (name, os.fspath(source.relative)))
    if not rows and not any(item.failed for item in walk.ignored):
        raise UsageError(f"no photos in {', '.join(map(shown, paths))}: nothing to do")
    return Found(Listing(_source, rows.values()), tuple(walk.ignored))


def _source(path: str, relative: str) -> Source:
    return Source(Path(path), PurePath(relative))


def _expand(pattern: Path) -> list[Path]:
    """Expand a pattern as a Unix shell does; a file that is really called ``*.jpg`` is that file."""
    text = os.fspath(pattern)
    if os.path.lexists(pattern) or not glob.has_magic(text):
        return [pattern]
    return [Path(match) for match in sorted(glob.glob(text, recursive=True))] or [pattern]  # noqa: PTH207 -- absolute ones


class _Walk:
    """One walk over folders, remembering where it has been."""

    def __init__(self, output: Path | None) -> None:
        self.ignored: list[Ignored] = []
        self._output = _real(output) if output else None
        self._visited: set[tuple[int, int]] = set()

    def photos(self, folder: Path, relative: PurePath) -> Iterator[Source]:
        try:
            status = folder.stat()
            names = sorted(os.listdir(folder))  # noqa: PTH208 -- names alone: there may be a million
        except OSError as error:
            self._ignore(folder, f"the folder cannot be read: {error.strerror}", failed=True)
            return
        if (status.st_dev, status.st_ino) in self._visited:
            self._ignore(folder, "a link to a folder that was already visited")
            return
        self._visited.add((status.st_dev, status.st_ino))
        for name in names:
            path, below = folder / name, relative / name
            if not os.path.isdir(path):  # noqa: PTH112 -- pathlib raises where it may not look
                yield from self._file(path, below)
            elif _real(path) == self._output:
                self._ignore(path, "this is the output folder")
            else:
                yield from self.photos(path, below)

    def _file(self, path: Path, relative: PurePath) -> Iterator[Source]:
        if path.suffix.lower() in SUFFIXES:
            if path.name.startswith("._") and _is_notes(path):
                self._ignore(path, "notes of macOS about another file")
            else:
                yield Source(path, relative)
        elif path.is_symlink() and _is_circular(path):
            self._ignore(path, "a link that leads in a circle", failed=True)
        else:
            self._ignore(path, NOT_A_PHOTO)

    def _ignore(self, path: Path, reason: str, *, failed: bool = False) -> None:
        self.ignored.append(Ignored(path, reason, failed))


def passed_over(ignored: Sequence[Ignored]) -> list[str]:
    """Say how many files were taken for no photos, hidden ones aside: films, too, are missing among the results."""
    names = (PurePath(one.path.name) for one in ignored if one.reason == NOT_A_PHOTO)
    endings = Counter(name.suffix.lower() or "without an ending" for name in names if not name.name.startswith("."))
    if not endings:
        return []
    listed = ", ".join(f"{number} {shown(ending)}" for ending, number in sorted(endings.items()))
    return [f"Passed over, as not photos by their names: {listed}. They are as they were, and were not written."]


def _is_notes(path: Path) -> bool:
    """Say whether a file is what macOS notes about another one; what cannot be read is not, and will be reported."""
    try:
        with path.open("rb") as file:
            return file.read(len(_NOTES)) == _NOTES
    except OSError:
        return False


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # resolve() raises where links lead in a circle


def _is_circular(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False
