"""Watch a folder: the system tells of most changes, a walk now and then finds the others."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from cloak.errors import MissingExtraError, OutputError, UsageError
from cloak.names import shown
from cloak.outcome import Outcome, Status
from cloak.upload import disks
from cloak.watch.settling import Settling, is_photo
from cloak.watch.work import Done, Work

RESCAN = 60.0
"""Seconds between walks: events are lost where many come at once, and never come from some network drives."""

AGAIN = 300.0
"""Seconds until what failed for a reason that may pass is tried again."""

BATCH = 32
"""Photos that are done together; the next ones are not kept waiting for an answer to Ctrl-C."""

_LINK = "a link out of the watched folder is not followed: copy the photo into the folder"


def check(folder: Path, output: Path | None) -> None:
    """Refuse folders that would feed each other.

    Raises:
        UsageError: the watched folder does not exist, is the output folder, or lies in it.
        OutputError: it is the mount point of a disk that is away.
    """
    if not folder.is_dir():
        raise UsageError(f"{shown(folder)} is not a folder: name the one that photos come into")
    if output is not None and _real(folder).is_relative_to(_real(output)):
        raise UsageError(
            f"{shown(folder)} is {shown(output)} or lies in it, so that results would be taken for photos: "
            "name another output folder"
        )
    _refuse_missing(folder)


def watch(
    folder: Path, work: Work, *, stop: threading.Event, output: Path | None = None, settle: float = 2.0
) -> Iterator[Done]:
    """Do what is in a folder and what appears in it, until told to stop.

    Args:
        folder: what to watch, with all folders in it that are not hidden.
        work: what to do; it knows what is done already.
        stop: set it to end: what is in hand is finished, the rest is left for the next time.
        output: a folder inside of it to leave out, if there is one.
        settle: seconds for which a file must not change before it is taken.

    Yields:
        what became of each photo.

    Raises:
        MissingExtraError: watchfiles is not installed.
        OutputError: the folder has gone.
    """
    try:
        from watchfiles import watch as changes  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise MissingExtraError("watched folders", "upload") from error
    check(folder, output)
    found = _Finder(folder, output, Settling(settle))
    tick = max(50, min(500, round(settle * 500)))
    # Everything is told, for what matters is below: a filter of theirs would run in Python just the same.
    events = changes(
        folder,
        watch_filter=None,
        stop_event=stop,
        rust_timeout=tick,
        yield_on_timeout=True,
        raise_interrupt=False,
        ignore_permission_denied=True,
    )
    for event in events:
        found.look(Path(path) for _, path in event)
        ready = []
        for path in found.settling.take():
            if _leads_out(path, folder):
                yield Done(Outcome(source=path, status=Status.FAILED, reason=_LINK))
            else:
                ready.append(path)
        for start in range(0, len(ready), BATCH):
            yield from _done(work, ready[start : start + BATCH], found.settling, stop)
            if stop.is_set():
                return


def _done(work: Work, photos: list[Path], settling: Settling, stop: threading.Event) -> Iterator[Done]:
    for done in work.do(photos, stop):
        if done.passing:
            settling.again(done.outcome.source, AGAIN)
        yield done


class _Finder:
    """Finds files that may be photos and hands them to `Settling`."""

    def __init__(self, folder: Path, output: Path | None, settling: Settling) -> None:
        self.settling = settling
        self._folder = folder
        self._output = _real(output) if output else None
        self._walked = -RESCAN

    def look(self, changed: Iterator[Path]) -> None:
        # The first walk is after the system has begun to tell, so that nothing falls in between.
        if time.monotonic() - self._walked >= RESCAN:
            _refuse_missing(self._folder)
            self._walk(self._folder)
            self._walked = time.monotonic()
        for path in changed:
            relative = _below(path, self._folder)
            if relative is not None and path.is_dir():
                if not path.is_symlink():
                    self._walk(self._folder / relative)  # a folder that was moved here brings no news of its files
            elif relative is not None:
                self._file(relative)

    def _walk(self, top: Path) -> None:
        for place, folders, files in os.walk(top):
            folders[:] = [name for name in folders if not name.startswith(".") and not self._is_output(place, name)]
            for name in files:
                self._file(Path(place, name).relative_to(self._folder))

    def _is_output(self, place: str, name: str) -> bool:
        return self._output is not None and _real(Path(place, name)) == self._output

    def _file(self, relative: Path) -> None:
        path = self._folder / relative
        if is_photo(relative) and not (self._output and _real(path.parent).is_relative_to(self._output)):
            self.settling.saw(path)


def _refuse_missing(folder: Path) -> None:
    """Stop where there is nothing to watch: an empty mount point is not a folder without photos."""
    if not folder.is_dir():
        raise OutputError(f"{shown(folder)} is gone: nothing is watched any more")
    problem = disks.away(folder)
    if problem:
        raise OutputError(problem)


def _leads_out(path: Path, folder: Path) -> bool:
    """Whether a file is somewhere else: who may put links into the folder could have any photo of the user's done."""
    return not _real(path).is_relative_to(_real(folder))


def _below(path: Path, folder: Path) -> Path | None:
    """Return a path below the folder, which the system may tell by its real name."""
    for top in (folder, _real(folder), folder.absolute()):
        if path.is_relative_to(top):
            return path.relative_to(top)
    return None


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
