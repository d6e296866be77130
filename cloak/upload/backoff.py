"""How often and how long to try what may work the next time."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cloak.errors import TransientError

_T = TypeVar("_T")


LOOKS = 12
"""How often to look for what a server was told to do; several copies of what it keeps take some seconds."""


def soon(look: Callable[[], _T], well: Callable[[_T], bool]) -> _T:
    """Look until what is seen is well, for three seconds at most; return what was seen last."""
    for _ in range(LOOKS):
        seen = look()
        if well(seen):
            return seen
        time.sleep(0.25)
    return look()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How often and how long to try.

    Attributes:
        attempts: tries in all.
        first: seconds to wait at most before the second try; doubled each time.
        most: seconds that no wait exceeds.
        patience: seconds that a server may ask for; if it asks for more, there is no other try.
    """

    attempts: int = 6
    first: float = 1.0
    most: float = 60.0
    patience: float = 300.0

    def call(self, what: Callable[[], _T], *, hopeless: Callable[[TransientError], bool] = lambda _: False) -> _T:
        """Call until it works.

        Args:
            what: to call.
            hopeless: whether there is to be no other try after an error.

        Raises:
            TransientError: it does not.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return what()
            except TransientError as error:
                if hopeless(error) or attempt == self.attempts or (error.after or 0) > self.patience:
                    raise
                time.sleep(self.wait(attempt, error.after))
        raise AssertionError("unreachable")

    def wait(self, attempt: int, after: float | None = None) -> float:
        """Return the seconds to wait after a try: at random, so that many clients do not come back at once."""
        jitter = random.uniform(0, min(self.most, self.first * 2 ** (attempt - 1)))  # noqa: S311 -- no secret
        return max(after or 0, jitter)
