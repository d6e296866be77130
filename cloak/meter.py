"""Where the time of a run goes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stage:
    """One stage of a run.

    Attributes:
        seconds: spent in it, of all threads together.
        count: photos that it worked on; faces, for the attack.
    """

    seconds: float = 0.0
    count: int = 0


@dataclass(slots=True)
class Meter:
    """Adds up what the stages of a run take; a run measures itself always, for it costs nothing.

    Attributes:
        stages: by name.
    """

    stages: dict[str, Stage] = field(default_factory=dict)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def measure(self, stage: str, count: int = 1) -> Iterator[None]:
        """Measure the time in the block; it counts in whatever way it is left."""
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            with self._mutex:
                one = self.stages.setdefault(stage, Stage())
                one.seconds += seconds
                one.count += count
