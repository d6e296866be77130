"""Which photo is worked on when: the threads and queues of `cloak.pipeline`, which says what is done to a photo.

Readers take photos up, a few ahead (`cloak.ahead`); lanes work on batches of faces from many of them; writers finish
them. All queues have bounds. Photos are finished as soon as their last face is done, and reported in order. A photo
that hangs is put aside: others are read, cloaked and written meanwhile, and only what is said of them waits for it.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TypeVar

import torch

from cloak.ahead import Ahead
from cloak.batching import Buckets, Row
from cloak.crew import Crew
from cloak.errors import PhotoError
from cloak.outcome import Outcome
from cloak.steps import Begun, Steps, StoppedError
from cloak.targets import Job

PIXELS = 96_000_000
"""Photos that wait for other faces to fill a batch have at most this many pixels together; one may have more."""

PATIENCE = 8
"""A photo lets this many times the number of photos that may wait pass by, and no more, before its faces are done."""

SAID = 10_000
"""Photos that are done may be so many while one before them is not: what is said of them is small, without pictures."""

GLANCE = 0.5
"""Seconds after which, at the latest, it is seen that the run is to stop: a signal's handler wakes no thread."""

_Opened = TypeVar("_Opened")
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class Schedule:
    """Takes photos through the steps, many at a time.

    Args:
        steps: what is done.
        crew: how many threads do it, and how many faces a full batch has.
        window: how many photos may wait for others to fill a batch.
        stop: when it is set, what can be finished soon is, and the rest is given up.
        said: how many outcomes may wait for that of a photo before them.
    """

    def __init__(
        self,
        steps: Steps[_Opened],
        crew: Crew,
        *,
        window: int,
        stop: threading.Event,
        said: int = SAID,
    ) -> None:
        self._steps, self._crew, self._window, self._stop, self._said = steps, crew, window, stop, said
        self._threads = torch.get_num_threads()
        self._wake = threading.Event()
        self._ahead: Ahead[Job, _Opened | Outcome, Begun | Outcome] = Ahead(
            steps.open,
            steps.begin,
            workers=crew.helpers,
            started=partial(torch.set_num_threads, crew.helper_threads),
            wake=self._wake.set,
        )
        self._late: dict[Future[Begun | Outcome], Future[Outcome]] = {}
        self._lanes = _pool("attacks", crew.lanes, crew.lane_threads)
        self._writers = _pool("writes", crew.helpers, crew.helper_threads)
        self._buckets: Buckets[Begun] = Buckets(
            batch=crew.batch, photos=window, passing=PATIENCE * window, pixels=PIXELS
        )
        self._groups: deque[list[Row[Begun]]] = deque()
        self._attacks: list[Future[None]] = []
        self._order: deque[Future[Outcome]] = deque()
        self._writing = self._unfinished = 0
        self._mutex = threading.Lock()

    def __enter__(self) -> "Schedule":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish what is being written, and give up the rest."""
        if kind:
            self._stop.set()
        self._end()
        self._writers.shutdown(cancel_futures=True)
        torch.set_num_threads(self._threads)

    def outcomes(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Keep all threads busy and yield what is done, in order."""
        waiting, left = iter(jobs), len(jobs)
        while True:
            self._wake.clear()
            while self._order and self._order[0].done():
                yield self._order.popleft().result()
            if self._stop.is_set() or not (left or self._ahead or self._order):
                break
            while left and self._ahead.wants():
                left -= 1
                self._ahead.take_up(next(waiting))
            for back in self._ahead.come_back():
                self._sort(back, self._late.pop(back))
            while self._ahead.moves() and self._has_room():
                self._line_up(self._ahead.pop())
            if (not left and not self._ahead.in_line) or self._stands():
                self._groups.extend(self._buckets.flush())
            self._attack()
            # That photos have gone on makes room in line: nobody would wake this thread to fill it.
            takes_up = bool(left) and self._ahead.wants()
            if not (takes_up or self._order_moves() or (self._ahead.moves() and self._has_room())):
                self._wake.wait(min(self._ahead.patience() or GLANCE, GLANCE))
        yield from self._rest()

    def _stands(self) -> bool:
        """Say whether nothing more can go on before a photo that waits for others to fill a batch."""
        full = len(self._order) >= self._said
        return full and not self._groups and all(attack.done() for attack in self._attacks)

    def _order_moves(self) -> bool:
        return bool(self._order) and self._order[0].done()

    def _has_room(self) -> bool:
        """Say whether another photo may go on: the stages after this one have not enough to do."""
        busy = len(self._groups) >= self._crew.lanes or self._writing > 2 * self._crew.helpers
        # A photo is not in a bucket any more when so many have passed it: it needs no others to go on.
        return not busy and self._unfinished < 2 * PATIENCE * self._window and len(self._order) < self._said

    def _line_up(self, found: "Future[Begun | Outcome]") -> None:
        """Give a photo its place among the outcomes, and send it on if it is there already."""
        place: Future[Outcome] = Future()
        with self._mutex:
            self._unfinished += 1
        place.add_done_callback(self._finished)
        self._order.append(place)
        if found.done():
            self._sort(found, place)
        else:
            self._late[found] = place

    def _finished(self, place: "Future[Outcome]") -> None:  # noqa: ARG002 -- the interface of futures
        with self._mutex:
            self._unfinished -= 1
        self._wake.set()

    def _sort(self, found: "Future[Begun | Outcome]", place: "Future[Outcome]") -> None:
        """Send a photo on: its faces to those of other photos, or itself to be written where it has none."""
        try:
            begun = found.result()
        except StoppedError:  # the run ends, and nothing will be said of this photo
            return
        if isinstance(begun, Outcome):
            place.set_result(begun)
            self._groups.extend(self._buckets.pass_by())
            return
        begun.outcome = place
        if begun.todo:
            pixels = begun.photo.width * begun.photo.height
            self._groups.extend(self._buckets.add(begun, begun.parts, pixels=pixels))
        else:
            self._groups.extend(self._buckets.pass_by())
            self._write(begun)

    def _attack(self) -> None:
        """Keep one batch ready for each lane beside the one it works on."""
        for done in [future for future in self._attacks if future.done()]:
            self._attacks.remove(done)
            done.result()
        while self._groups and len(self._attacks) < 2 * self._crew.lanes:
            self._attacks.append(self._submit(self._lanes, self._search, self._groups.popleft()))

    def _search(self, group: Sequence[Row[Begun]]) -> None:
        """Work on a batch, and have those photos written that have all they need."""
        try:
            self._steps.search(group)
        except StoppedError:
            return
        except PhotoError as error:
            for begun in {id(row.owner): row.owner for row in group}.values():
                self._fail(begun, error)
            return
        for row in group:
            with self._mutex:
                row.owner.todo -= 1
                complete = not row.owner.todo and not row.owner.failed
            if complete:
                self._write(row.owner)

    def _fail(self, begun: Begun, error: PhotoError) -> None:
        with self._mutex:
            already, begun.failed = begun.failed, True
        if already:
            return
        try:
            outcome = self._steps.fail(begun.job, error)
        except BaseException as worse:  # raised again where the outcome is asked for
            begun.outcome.set_exception(worse)
        else:
            begun.outcome.set_result(outcome)

    def _write(self, begun: Begun) -> None:
        with self._mutex:
            self._writing += 1
        self._submit(self._writers, self._finish, begun)

    def _finish(self, begun: Begun) -> None:
        try:
            outcome = self._steps.finish(begun)
        except PhotoError as error:
            self._fail(begun, error)
        except BaseException as error:  # raised again where the outcome is asked for
            begun.outcome.set_exception(error)
        else:
            begun.outcome.set_result(outcome)
        finally:
            with self._mutex:
                self._writing -= 1

    def _rest(self) -> Iterator[Outcome]:
        """End all threads, and yield what they finished meanwhile."""
        self._end()
        self._writers.shutdown()
        yield from (future.result() for future in self._order if future.done())

    def _end(self) -> None:
        """End all threads but those that write."""
        self._steps.give_up()
        self._ahead.shutdown()
        self._lanes.shutdown(cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[[_Item], _Made], item: _Item) -> "Future[_Made]":
        future = pool.submit(work, item)
        future.add_done_callback(lambda _: self._wake.set())
        return future


def _pool(name: str, workers: int, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, f"cloak-{name}", torch.set_num_threads, (threads,))
