"""What a run of `cloak protect` tells its user: how far it is, what came of each photo, a page of them, and the end."""

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from cloak.cli.pausing import stopping
from cloak.cli.progress import progress
from cloak.config import ProtectConfig
from cloak.errors import WriteError
from cloak.names import shown
from cloak.outcome import Outcome, Status
from cloak.report import Report
from cloak.sources import Ignored
from cloak.summary import Summary

if TYPE_CHECKING:
    from typing import Self


class Telling:
    """Tells of one run, while it goes on and when it has ended.

    A page for which there is no room ends no run: the photos are what it is for. It is told of at the end.

    Args:
        config: of the run.
        ignored: what was passed over.
        total: how many photos there are to do.
        resumable: whether the same command goes on where this one stopped.
        as_json: one JSON document on stdout in place of sentences.
        quiet: failures only.
        verbose: a line for each photo.

    Attributes:
        stop: set by Ctrl-C; what is nearly done is to be finished then.
    """

    def __init__(
        self,
        config: ProtectConfig,
        ignored: Sequence[Ignored],
        total: int,
        *,
        resumable: bool,
        as_json: bool,
        quiet: bool,
        verbose: bool,
    ) -> None:
        self.stop = threading.Event()
        self._summary = Summary(config, ignored, total, resumable=resumable)
        self._as_json, self._quiet, self._verbose = as_json, quiet, verbose
        self._stack = ExitStack()
        self._report: Report | None = None
        self._unwritten: WriteError | None = None
        self._places: list[int] = []

    def __enter__(self) -> "Self":
        with ExitStack() as stack:
            self._report = stack.enter_context(Report()) if self._summary.config.report else None
            self._advance = stack.enter_context(progress(self._summary.total, quiet=self._quiet))
            stack.enter_context(stopping(self.stop))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def tell(self, outcome: Outcome, *, place: int | None = None, pictures: str | None = None) -> None:
        """Take an outcome.

        Args:
            outcome: what became of one photo.
            place: see `Report.add`, as is the other.
            pictures: see there.
        """
        self._places.append(len(self._places) if place is None else place)
        self._summary.add(outcome)
        if self._report and not self._unwritten:
            try:
                self._report.add(outcome, place=place, pictures=pictures)
            except WriteError as error:
                self._unwritten = error
        if self._verbose and not self._quiet:
            click.echo(line(outcome), err=self._as_json)
        self._advance()

    def write(self, write: Callable[[Report, Path, Summary], None]) -> None:
        """End the loop: put the outcomes in order, and write the page if there is to be one.

        Args:
            write: does it; a `WriteError` is told of when the photos have been.
        """
        outcomes = self._summary.outcomes
        # The page, and what is printed, list photos as they were given, in whatever order they were done.
        outcomes[:] = [outcomes[row] for row in sorted(range(len(outcomes)), key=self._places.__getitem__)]
        self._summary.stopped = self.stop.is_set() and len(outcomes) < self._summary.total
        if self._report and self._summary.config.report and not self._unwritten:
            try:
                write(self._report, self._summary.config.report, self._summary)
            except WriteError as error:
                self._unwritten = error

    def end(self) -> int:
        """Print what the run came to, and return the exit code.

        Raises:
            WriteError: the page could not be written; all else was done, and has been told of.
        """
        show(self._summary, as_json=self._as_json, quiet=self._quiet)
        if self._unwritten:
            raise self._unwritten
        return 1 if self._summary.stopped else 3 if self._summary.failures else 0


def line(outcome: Outcome) -> str:
    """Return one line about a photo."""
    if outcome.target is None:
        return f"{outcome.status}: {shown(outcome.source)}: {outcome.reason}"
    if outcome.status is Status.ALREADY_DONE:
        return f"{outcome.status}: {shown(outcome.source)} -> {shown(outcome.target)}"
    parts = [f"{outcome.found} face{'' if outcome.found == 1 else 's'}"]
    if outcome.blurred:
        parts.append(f"{outcome.blurred} blurred")
    if outcome.faces:
        matched = sum(face.witness.matched for face in outcome.faces)
        parts.append(f"a recogniser still matches {matched} of {len(outcome.faces)} with the original")
    parts += [f"one more left uncloaked: {reason}" for reason in outcome.left]
    if outcome.removed:
        parts.append(f"removed {', '.join(outcome.removed)}")
    return f"{outcome.status}: {shown(outcome.source)} -> {shown(outcome.target)}: {'; '.join(parts)}"


def show(summary: Summary, *, as_json: bool, quiet: bool) -> None:
    """Print what a run came to."""
    for path, reason in summary.failures:
        click.echo(f"failed: {path}: {reason}", err=True)
    if as_json:
        click.echo(json.dumps(summary.document(), indent=2))
    elif not quiet:
        for sentence in summary.sentences():
            click.echo(sentence)
