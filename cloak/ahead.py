"""Photos that are read ahead, in order; one that is late is put aside, and those behind it go on."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

SLOW = 10.0
"""Seconds after which a photo that is still being read or decoded is late."""

ASIDE = 8
"""Photos that are put aside at the same time. With more of them, the others wait until the first has had its time."""

_Job = TypeVar("_Job")
_Opened = TypeVar("_Opened")
_Found = TypeVar("_Found")


@dataclass(slots=True, eq=False)
class _Ahead(Generic[_Found]):
    """A photo that is being read.

    Attributes:
        since: when it was begun.
        opened: whether it is decoded; what comes then takes as long as it takes, and is not waited for elsewhere.
        found: what came of it.
    """

    since: float = field(default_factory=time.monotonic)
    opened: bool = False
    found: "Future[_Found]" = field(default_factory=Future)


class Ahead(Generic[_Job, _Opened, _Found]):
    """Opens photos in threads, and finds what is in them, a few ahead. One thread may use it.

    Args:
        open_photo: reads and decodes a photo; this may hang.
        find: goes on with it.
        workers: photos at the same time, beside those that are aside.
        started: called first in each thread.
        wake: called when a photo is done.
    """

    def __init__(
        self,
        open_photo: Callable[[_Job], _Opened],
        find: Callable[[_Opened], _Found],
        *,
        workers: int,
        started: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self._open, self._find, self._workers, self._wake = open_photo, find, workers, wake
        self._threads = ThreadPoolExecutor(workers + ASIDE, "cloak-reads", started)
        self._turn = threading.Semaphore(workers)
        self._line: deque[_Ahead[_Found]] = deque()
        self._aside: list[_Ahead[_Found]] = []

    def __bool__(self) -> bool:
        """Whether any photo is in line or aside."""
        return bool(self._line or self._aside)

    @property
    def in_line(self) -> bool:
        """Whether photos are in line, and none of them late."""
        return bool(self._line)

    def wants(self) -> bool:
        """Say whether there is a thread for another photo."""
        busy = sum(not one.found.done() for one in self._line)
        return busy < self._workers and len(self._line) <= self._workers

    def take_up(self, job: _Job) -> None:
        """Begin with a photo, the last in line."""
        one: _Ahead[_Found] = _Ahead()
        self._line.append(one)
        self._threads.submit(self._work, one, job)

    def moves(self) -> bool:
        """Say whether `pop` has something to give: the first in line is done, or late."""
        if not self._line:
            return False
        return self._line[0].found.done() or (self._wait_for_first() == 0 and len(self._aside) < ASIDE)

    def pop(self) -> "Future[_Found]":
        """Take the first out of line; if it is not done, `come_back` gives it again when it is."""
        one = self._line.popleft()
        if not one.found.done():
            self._aside.append(one)
        return one.found

    def come_back(self) -> "Iterator[Future[_Found]]":
        """Take out, and yield, what was put aside and is done now."""
        for one in [one for one in self._aside if one.found.done()]:
            self._aside.remove(one)
            yield one.found

    def patience(self) -> float | None:
        """Return the seconds after which `moves` may say something else though nothing was done; None if never."""
        return self._wait_for_first() or None if self._line and len(self._aside) < ASIDE else None

    def shutdown(self) -> None:
        """Begin nothing more, and wait for what is being read."""
        self._threads.shutdown(cancel_futures=True)

    def _wait_for_first(self) -> float | None:
        """Return the seconds until the first in line is late; None where it never will be."""
        first = self._line[0]
        if first.opened or first.found.done():
            return None
        return max(0.0, first.since + SLOW - time.monotonic())

    def _work(self, one: _Ahead[_Found], job: _Job) -> None:
        try:
            opened = self._open(job)
            one.opened = True
            with self._turn:  # those that were aside are more than there are processors for
                found = self._find(opened)
        except BaseException as error:  # raised again where the result is asked for
            one.found.set_exception(error)
        else:
            one.found.set_result(found)
        self._wake()
