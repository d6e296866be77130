"""Photos at URLs without a cluster: one worker, in this process."""

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Any

from cloak.distributed.clerk import Clerk
from cloak.distributed.places import Place, is_url
from cloak.distributed.planning import Show, Task, Work
from cloak.distributed.records import open_album
from cloak.distributed.worker import Loaded, Worker, load
from cloak.errors import CloakError
from cloak.outcome import Outcome
from cloak.references import References

_LOOKING = 0.1
"""Seconds between two looks at what is done."""


def protect(
    work: Work, *, references: References | None, manifest: bool, stop: threading.Event, show: Show | None = None
) -> Generator[tuple[int, Outcome], None, None]:
    """Protect photos, one part after the other; the next one is read meanwhile.

    Args:
        work: what is to be done.
        references: the person whom it is about.
        manifest: keep one.
        stop: when it is set, what is being written is finished, the rest is given up.
        show: takes what the report, if the settings want one, shows of each photo, just before it is yielded.

    Yields:
        The place of each photo among all, and what became of it.

    Raises:
        CloakError: something that concerns all photos.
    """
    config = work.orders
    salt = prepared(work, manifest=manifest)
    clerk = Clerk(work.output, config, references, manifest=manifest)
    with ExitStack() as stack:
        clerk.open()
        stack.callback(clerk.close)
        worker = Worker(config, references, work.output, salt, lambda name, *told: _call(clerk, name, *told))
        stack.callback(worker.close)
        readers = stack.enter_context(ThreadPoolExecutor(1, "cloak-loads"))
        parts = work.parts(1)
        ahead: Future[list[Loaded]] | None = readers.submit(_loaded, parts[0], config.max_pixels) if parts else None
        for number in range(len(parts)):
            part = ahead.result() if ahead else []
            following = parts[number + 1 : number + 2]
            ahead = readers.submit(_loaded, following[0], config.max_pixels) if following else None
            yield from _watched(clerk, worker, part, stop, show)
            if stop.is_set():
                return


def prepared(work: Work, *, manifest: bool) -> bytes | None:
    """Make sure that an URL can be written to; return the key of its records, None where there are to be none.

    Raises:
        OutputError: it cannot.
    """
    if not is_url(work.output) or not manifest:
        return None
    return open_album(Place(work.output), create=not work.config.dry_run)


def _watched(
    clerk: Clerk, worker: Worker, part: list[Loaded], stop: threading.Event, show: Show | None
) -> Iterator[tuple[int, Outcome]]:
    """Yield outcomes while a worker is at them."""
    with ThreadPoolExecutor(1, "cloak-part") as pool:
        future = pool.submit(worker.work, part, stop)
        try:
            while not future.done():
                wait([future], timeout=_LOOKING)
                yield from _collected(clerk, show)
        except GeneratorExit:
            stop.set()
            raise
    future.result()
    yield from _collected(clerk, show)
    if problem := clerk.problem():
        raise CloakError(problem)


def _collected(clerk: Clerk, show: Show | None) -> Iterator[tuple[int, Outcome]]:
    for index, outcome in clerk.collect().items():
        if show:
            show(index, clerk.figures(index))
        yield index, outcome


def _loaded(tasks: list[Task], max_pixels: int) -> list[Loaded]:
    return list(load(tasks, max_pixels))


def _call(clerk: Clerk, name: str, *told: Any) -> Any:  # noqa: ANN401 -- whatever the method takes and returns
    return getattr(clerk, name)(*told)
