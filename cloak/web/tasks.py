"""Photos that wait to be protected: each client's in turn, those that are to be done in the same way together."""

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field

from cloak.config import NoFacePolicy, Strength
from cloak.container import Container
from cloak.outcome import Outcome
from cloak.targets import Treatment
from cloak.web.protectors import RefusedError

TOGETHER = 8
"""Photos in one call: a photo that is to be done in another way waits for no more than these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """In which way a photo is to be protected."""

    strength: Strength = Strength.BALANCED
    container: Container | None = None
    no_face: NoFacePolicy = NoFacePolicy.STRIP


@dataclass(eq=False, kw_only=True)
class Task:
    """One photo that waits, or is worked on.

    Attributes:
        content: the original.
        how: in which way it is to be protected.
        choices: what was chosen for single faces.
        client: whose turn it takes: a job, or the request itself.
        faces: how many will be cloaked, where that is known.
        result: the file and its outcome; raises RefusedError.
        begun: when work on it began, by the monotonic clock; None before.
        gone: nobody waits for it any more.
        alone: it is to be done in a call of its own, since another took too long.
    """

    content: bytes = field(repr=False)
    how: How
    choices: Mapping[int, Treatment] = field(default_factory=dict)
    client: object = field(default_factory=object)
    faces: int | None = None
    result: "Future[tuple[bytes, Outcome]]" = field(default_factory=Future)
    begun: float | None = None
    gone: bool = False
    alone: bool = False

    def done(self, data: bytes, outcome: Outcome) -> None:
        """Answer."""
        with suppress(InvalidStateError):  # whoever waited has just left
            self.result.set_result((data, outcome))

    def fail(self, error: RefusedError) -> None:
        """Answer with what went wrong, unless there is an answer."""
        with suppress(InvalidStateError):
            self.result.set_exception(error)


class Waiting:
    """A queue in which clients take turns; safe to use from threads."""

    def __init__(self) -> None:
        self._rows: dict[object, deque[Task]] = {}
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        with self._changed:
            return sum(map(len, self._rows.values()))

    @property
    def clients(self) -> int:
        """How many wait."""
        return len(self._rows)

    def has(self, client: object) -> bool:
        """Whether photos of a client wait."""
        return client in self._rows

    def put(self, tasks: Iterable[Task], *, first: bool = False) -> None:
        """Add photos, behind those of the same client or before them."""
        with self._changed:
            for task in tasks:
                row = self._rows.setdefault(task.client, deque())
                if first:
                    row.appendleft(task)
                else:
                    row.append(task)
            self._changed.notify_all()

    def take(self) -> list[Task]:
        """Wait for photos; return some that are to be done in the same way, or none once the queue is closed."""
        with self._changed:
            while not self._rows and not self._closed:
                self._changed.wait()
            if self._closed:
                return []
            first = self._pop(next(iter(self._rows)))
            batch, turns = [first], deque(self._rows)
            while turns and len(batch) < TOGETHER and not first.alone:
                client = turns.popleft()
                row = self._rows.get(client)
                if row and row[0].how == first.how and not row[0].alone:
                    batch.append(self._pop(client))
                    turns.append(client)
            return batch

    def remove(self, tasks: Sequence[Task]) -> None:
        """Take photos out that nobody waits for any more."""
        with self._changed:
            for task in tasks:
                row = self._rows.get(task.client)
                if row and task in row:
                    row.remove(task)
                    task.result.cancel()
                if row is not None and not row:
                    del self._rows[task.client]

    def close(self) -> list[Task]:
        """Give out nothing more; return what is left."""
        with self._changed:
            self._closed = True
            left = [task for row in self._rows.values() for task in row]
            self._rows.clear()
            self._changed.notify_all()
            return left

    def _pop(self, client: object) -> Task:
        """Take a client's next photo, and put the client behind the others."""
        row = self._rows.pop(client)
        task = row.popleft()
        if row:
            self._rows[client] = row
        return task
