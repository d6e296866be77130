"""What is counted, as Prometheus reads it: nothing about clients, nothing about photos but how many."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator

BOUNDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0, 120.0, 600.0)
"""Seconds up to which answers are counted together."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


class Metrics:
    """Counters; safe to use from threads."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: dict[str, list[float]] = {}
        self._photos: Counter[str] = Counter()
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self._mutex = threading.Lock()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; the route is a template, never a path."""
        method = method if method in _METHODS else "other"
        with self._mutex:
            self._requests[method, route, status] += 1
            row = self._seconds.setdefault(route, [0.0] * (len(BOUNDS) + 2))
            for place, bound in enumerate(BOUNDS):
                row[place] += float(seconds <= bound)
            row[-2] += 1
            row[-1] += seconds

    def photo(self, status: str) -> None:
        """Count a photo by what became of it."""
        with self._mutex:
            self._photos[status] += 1

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Have something told as it is when it is asked for."""
        self._gauges[name] = (what, value)

    def text(self) -> str:
        """All of it, in Prometheus's text format."""
        with self._mutex:
            return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield "# HELP cloak_requests_total Answers, by method, route and status."
        yield "# TYPE cloak_requests_total counter"
        for (method, route, status), count in sorted(self._requests.items()):
            yield f'cloak_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
        yield "# HELP cloak_request_seconds Time from a request's head to the end of its answer, by route."
        yield "# TYPE cloak_request_seconds histogram"
        for route, row in sorted(self._seconds.items()):
            for bound, so_many in zip((*map(str, BOUNDS), "+Inf"), row, strict=False):
                yield f'cloak_request_seconds_bucket{{route="{route}",le="{bound}"}} {so_many:g}'
            yield f'cloak_request_seconds_count{{route="{route}"}} {row[-2]:g}'
            yield f'cloak_request_seconds_sum{{route="{route}"}} {row[-1]:.6f}'
        yield "# HELP cloak_photos_total Photos that were worked on, by what became of them."
        yield "# TYPE cloak_photos_total counter"
        for name, count in sorted(self._photos.items()):
            yield f'cloak_photos_total{{status="{name}"}} {count}'
        for name, (what, value) in sorted(self._gauges.items()):
            yield f"# HELP {name} {what}"
            yield f"# TYPE {name} gauge"
            yield f"{name} {value():g}"
