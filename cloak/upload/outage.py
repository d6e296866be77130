"""When to stop trying a server that cannot be reached."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cloak.errors import TransientError, UnreachableError
from cloak.upload.backoff import Backoff

_T = TypeVar("_T")

GIVE_UP = 3
"""Photos in a row that could not connect, after which no more are tried."""


@dataclass(slots=True)
class Outage:
    """How many photos in a row could not connect to one server.

    The first of them is tried as often as any. Each later one is tried once, after a wait that goes on where those of
    the first ended: what is waited for is the server, whichever photo is next. A photo that connects ends the outage.

    Attributes:
        photos: so many could not connect, since the last that could.
    """

    photos: int = 0

    @property
    def given_up(self) -> bool:
        """Whether no more photos are to be tried."""
        return self.photos >= GIVE_UP

    def call(self, backoff: Backoff, put: Callable[[], _T]) -> _T:
        """Try one photo as often as is due.

        Args:
            backoff: how often to try, and how long to wait.
            put: one try.

        Raises:
            UnreachableError: the last try could not connect.
            TransientError: it failed otherwise, as often as is due.
        """
        if self.photos:
            time.sleep(backoff.wait(backoff.attempts - 1 + self.photos))
        try:
            placed = backoff.call(put, hopeless=self._hopeless)
        except UnreachableError:
            self.photos += 1
            raise
        except Exception:
            self.photos = 0
            raise
        self.photos = 0
        return placed

    def _hopeless(self, error: TransientError) -> bool:
        """Whether there is no other try; one that could connect ends the outage."""
        if isinstance(error, UnreachableError):
            return self.photos > 0
        self.photos = 0
        return False
