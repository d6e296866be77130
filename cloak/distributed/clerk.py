"""The one process that knows how a run stands: outcomes, attempts, whether to stop; and the folder on this machine."""

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from cloak.album import Album
from cloak.config import ProtectConfig
from cloak.distributed.places import is_url
from cloak.errors import WriteError
from cloak.outcome import Outcome, Status
from cloak.references import References
from cloak.report import Spool
from cloak.sinks import Files, Sink
from cloak.targets import Job

_UNKEPT = "<p>There was no room on the disk for its pictures.</p>"
"""What the report has of a photo in their place."""


class Clerk:
    """Takes outcomes from workers and hands them on; may be called from several threads.

    For an output on this machine, it also is the sink of all workers: bytes come here, and are entered into the same
    manifest, and written in the same way, as if they had been made here.

    Args:
        output: folder or URL that is written to.
        config: all settings, as `cloak.distributed.planning.Work.orders` has them.
        references: the person whom `config.protect` is about.
        manifest: keep one.
    """

    def __init__(
        self, output: str, config: ProtectConfig, references: References | None = None, *, manifest: bool = True
    ) -> None:
        self._folder = Path() if is_url(output) else Path(output)
        self._stack = ExitStack()
        self._sink: Sink | None = None
        if not is_url(output):
            self._sink = Album(self._folder, config, references) if manifest else Files(overwrite=config.overwrite)
        self._outcomes: dict[int, Outcome] = {}
        self._known: set[int] = set()
        self._figures = Spool() if config.report else None
        self._unkept: set[int] = set()
        self._taken: dict[Path, Outcome] = {}
        self._attempts: Counter[int] = Counter()
        self._trials: Counter[int] = Counter()
        self._working: Counter[int] = Counter()
        self._problem = ""
        self._stopped = False
        self._mutex = threading.Lock()

    def open(self) -> None:
        """Keep other runs out of the folder.

        Raises:
            OutputError: another run is at work there, or the manifest cannot be used.
        """
        if isinstance(self._sink, Album):
            self._stack.enter_context(self._sink)

    def close(self) -> None:
        """Let others in."""
        self._stack.close()
        if self._figures:
            self._figures.close()

    def start(self, indexes: Sequence[int]) -> tuple[int, set[int]]:
        """Say how many workers have taken up these photos, this one counted, and which of them are done."""
        with self._mutex:
            self._attempts[indexes[0]] += 1
            self._working[indexes[0]] = 1
            return self._attempts[indexes[0]], self._known.intersection(indexes)

    def end(self, indexes: Sequence[int]) -> None:
        """Note that a worker is through with these photos."""
        with self._mutex:
            del self._working[indexes[0]]

    def busy(self) -> int:
        """Return how many workers are at work, or were when they died."""
        return len(self._working)

    def trial(self, index: int) -> int:
        """Count how often a worker has taken up this photo alone."""
        with self._mutex:
            self._trials[index] += 1
            return self._trials[index]

    def report(self, index: int, outcome: Outcome, figures: str = "") -> None:
        """Take an outcome, and what the report shows of it; the first one of a photo counts."""
        with self._mutex:
            taken = self._taken.pop(outcome.target, None) if outcome.target else None
            if taken and outcome.status is Status.ALREADY_DONE:
                outcome = taken  # its worker died in between
            if index not in self._known:
                self._known.add(index)
                self._keep(index, figures)
                self._outcomes[index] = outcome

    def collect(self) -> dict[int, Outcome]:
        """Hand on what has come since the last time."""
        with self._mutex:
            taken, self._outcomes = self._outcomes, {}
            return taken

    def figures(self, index: int) -> str:
        """Hand on what the report shows of a photo, once: HTML, "" for nothing."""
        with self._mutex:
            if index in self._unkept:
                return _UNKEPT
            return self._figures.take(index) if self._figures else ""

    def give_up(self, problem: str) -> None:
        """Note what ends the run."""
        with self._mutex:
            self._problem = self._problem or problem

    def problem(self) -> str:
        """Return what ends the run, "" if nothing does."""
        return self._problem

    def stop(self) -> None:
        """Have all workers stop in good order."""
        self._stopped = True

    def stopped(self) -> bool:
        """Say whether workers are to stop."""
        return self._stopped or bool(self._problem)

    def refuse(self, job: Job) -> None:
        """Do what `cloak.sinks.Sink.refuse` says; targets are below the folder."""
        if self._sink and job.target not in self._taken:
            self._sink.refuse(self._here(job))

    def admit(self, job: Job, original: bytes) -> Job | Outcome:
        """Do what `cloak.sinks.Sink.admit` says."""
        if not self._sink:
            return job
        if taken := self._taken.get(job.target):
            return replace(taken, status=Status.ALREADY_DONE)
        admitted = self._sink.admit(self._here(job), original)
        below = admitted.target.relative_to(self._folder) if admitted.target else None
        if isinstance(admitted, Outcome):
            return replace(admitted, target=below)
        return replace(job, target=below or job.target)

    def take(self, job: Job, data: bytes, outcome: Outcome) -> None:
        """Do what `cloak.sinks.Sink.take` says."""
        if self._sink:
            self._sink.take(self._here(replace(job, content=None)), data, outcome)
            self._taken[job.target] = outcome

    def failed(self, job: Job, outcome: Outcome) -> None:
        """Do what `cloak.sinks.Sink.failed` says."""
        if self._sink:
            self._sink.failed(self._here(job), outcome)

    def _keep(self, index: int, figures: str) -> None:
        """Put what the report shows on the disk: workers may be faster than whoever collects it."""
        if not self._figures or not figures:
            return
        try:
            self._figures.put(index, figures)
        except WriteError:
            self._unkept.add(index)

    def _here(self, job: Job) -> Job:
        return replace(job, target=self._folder / job.target)
