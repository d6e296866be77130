"""Tell when a file is complete: nobody says so, but who still writes it changes it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cloak.sources import SUFFIXES

PARTIAL = (".part", ".crdownload", ".partial", ".download", ".filepart", ".tmp")
"""What programs add to the name of a file that they have not finished. As long as ``a.jpg.part`` is there, ``a.jpg`` is
a place that is kept for it."""

_State = tuple[int, int, int]
"""Size, time of change and number of a file: who writes or replaces it changes one of them."""


def is_photo(relative: Path) -> bool:
    """Whether a path below the folder is called like a photo; what is hidden, or in a hidden folder, is not."""
    return relative.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in relative.parts)


@dataclass(slots=True)
class _Waiting:
    state: _State
    since: float


class Settling:
    """Files on their way in.

    A file is complete when it has been the same for a while, is not empty and has no partial file beside it; it is
    taken once, and again when it has changed since.

    Args:
        seconds: how long a file has to stay the same.
        clock: the time, in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._waiting: dict[Path, _Waiting] = {}
        self._taken: dict[Path, _State] = {}

    def saw(self, path: Path) -> None:
        """Note that a file is there, has changed or is gone."""
        state = _state(path)
        if state is None:
            self._waiting.pop(path, None)
            self._taken.pop(path, None)
        elif self._taken.get(path) != state:
            waiting = self._waiting.get(path)
            if waiting is None or waiting.state != state:
                self._waiting[path] = _Waiting(state, self._clock())

    def again(self, path: Path, seconds: float) -> None:
        """Offer a file once more after some time, though it has not changed."""
        state = self._taken.pop(path, None)
        if state is not None:
            self._waiting[path] = _Waiting(state, self._clock() + seconds - self._seconds)

    def take(self) -> list[Path]:
        """Return the files that are complete now, in the order in which they were seen."""
        complete = []
        for path in list(self._waiting):
            self.saw(path)
            waiting = self._waiting.get(path)
            if waiting and self._clock() - waiting.since >= self._seconds and waiting.state[0] and not _kept(path):
                self._taken[path] = self._waiting.pop(path).state
                complete.append(path)
        return complete


def _state(path: Path) -> _State | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _kept(path: Path) -> bool:
    return any(path.with_name(path.name + suffix).exists() for suffix in PARTIAL)
