"""Upload photos that appear: each once, whenever the program is killed and started again.

Who has the ledger must not learn which photos of a disk are behind the random names in it. What was uploaded of which
original is therefore noted in a manifest beside it, as keyed hashes of path and content.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from cloak.errors import AudienceError, ConfigError, LedgerError, PhotoError, UnreachableError, UploadError
from cloak.files import read, write
from cloak.manifest import Entry, Manifest, locked
from cloak.names import NamePolicy, shown
from cloak.outcome import Outcome, Status
from cloak.sinks import Files
from cloak.sources import Source
from cloak.targets import Job, plan
from cloak.upload import places, runs
from cloak.upload.backoff import Backoff
from cloak.upload.delivery import NOT_TRIED
from cloak.upload.destination import Destination, Wish
from cloak.upload.ledger import Ledger, State
from cloak.upload.outage import Outage
from cloak.upload.parcel import Parcel, Sent
from cloak.upload.purge import recover
from cloak.upload.send import check, deliver
from cloak.upload.settings import Place
from cloak.watch.work import MAX_BYTES, Done, Maker

BEGUN, SENT = "begun", "sent"
BACKOFF = Backoff(attempts=3, most=10.0, patience=30.0)
"""The watch tries again later, and should not keep Ctrl-C waiting."""


class Uploading:
    """Uploads photos to one destination. Use it as a context manager, in one thread.

    A photo that changes is uploaded once more; what was uploaded of it before stays until its time is up.

    Args:
        folder: where photos come from.
        place: where to.
        wish: says what to ask for, at the time of each batch.
        make: makes the files that are uploaded.
        note: kept in the ledger with each.
    """

    def __init__(self, folder: Path, place: Place, wish: Callable[[], Wish], make: Maker, *, note: str = "") -> None:
        self._folder = folder
        self._place = place
        self._wish = wish
        self._make = make
        self._note = note
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            with closing(self._place.open()) as destination:
                check(destination, self._wish(), self._place.name)
                self._run = stack.enter_context(runs.running())
                self._ledger = stack.enter_context(Ledger.open())
                self._recover(destination)
            state = state_folder(self._folder, self._place.name)
            stack.enter_context(locked(state))
            self._manifest = Manifest(state)
            stack.callback(self._manifest.close)
            self._find_sent()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def do(self, photos: Sequence[Path], stop: threading.Event) -> Iterator[Done]:
        """See `cloak.watch.work.Work`; where the destination cannot be used, nothing is cloaked for it."""
        told: set[Path] = set()
        try:
            wish = self._wish()
            with closing(self._place.open()) as destination:
                check(destination, wish, self._place.name, BACKOFF)
                for done in self._each(photos, destination, wish, stop):
                    told.add(done.outcome.source)
                    yield done
        except (LedgerError, AudienceError):
            raise  # to try again would show the next photo to the wrong people, too
        except (UploadError, ConfigError, PhotoError) as error:
            for path in photos:
                if path not in told:
                    yield Done(Outcome(source=path, status=Status.FAILED, reason=str(error)), passing=True)

    def _each(
        self, photos: Sequence[Path], destination: Destination, wish: Wish, stop: threading.Event
    ) -> Iterator[Done]:
        sources = [Source(path, path.relative_to(self._folder)) for path in photos]
        spool = _Spool(self._manifest, self._folder)
        jobs = plan(sources, self._run.folder, names=NamePolicy.RANDOM)
        outage = Outage()
        send = partial(
            deliver, destination=destination, ledger=self._ledger, place=self._place.name, wish=wish, note=self._note,
            backoff=BACKOFF, run=self._run.name, outage=outage,
        )  # fmt: skip
        try:
            with closing(self._make(jobs, spool, stop)) as outcomes:
                for outcome in outcomes:
                    if outcome.status in (Status.FAILED, Status.ALREADY_DONE) or outcome.target is None:
                        yield Done(outcome)
                    else:
                        yield self._send(outcome, outcome.target, spool, send)
                        outcome.target.unlink(missing_ok=True)
                        if outage.given_up:  # the others would be made in vain
                            raise UnreachableError(NOT_TRIED)
        finally:
            for job in jobs:  # some are made ahead of their turn
                job.target.unlink(missing_ok=True)

    def _send(
        self, outcome: Outcome, path: Path, spool: "_Spool", send: Callable[[list[Parcel]], Iterator[Sent]]
    ) -> Done:
        content = hashlib.sha256(read(path, max_bytes=MAX_BYTES)).digest()
        entry = spool.entry(outcome, content)
        self._manifest.put(entry)
        (sent,) = send([Parcel(source=outcome.source, path=path)])
        if sent.reason:
            failed = Outcome(source=outcome.source, status=Status.FAILED, reason=sent.reason)
            return Done(failed, passing=True)
        self._manifest.put(_as_sent(entry))
        return Done(outcome, upload=sent.id, notes=sent.notes)

    def _recover(self, destination: Destination) -> None:
        """Delete what an interrupted upload to this destination left, or leave it to `cloak uploads purge`."""
        for _ in recover(destination, self._ledger, place=self._place.name, run=self._run.name):
            pass

    def _find_sent(self) -> None:
        """Note of what was begun when the program was killed whether it got there: the ledger knows."""
        begun = [one for one in self._manifest.entries() if one.status == BEGUN]
        if not begun:
            return
        there = {
            one.sha256
            for one in self._ledger.entries(State.PLACED, State.DELETED, State.EXPIRED)
            if one.destination == self._place.name and one.placed
        }
        for one in begun:
            if one.content.hex() in there:
                self._manifest.put(_as_sent(one))


class _Spool(Files):
    """Takes the files that are about to leave, and refuses originals that have left."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        super().__init__()
        self._manifest = manifest
        self._folder = folder
        self._originals: dict[Path, bytes] = {}

    def admit(self, job: Job, original: bytes) -> Job | Outcome:
        """Look the original up in the manifest."""
        source = self._manifest.digest(original)
        known = self._manifest.find(self._key(job.source))
        if known and known.status == SENT and known.source == source:
            return Outcome(source=job.source, status=Status.ALREADY_DONE)
        self._originals[job.source] = source
        return job

    def take(self, job: Job, data: bytes, outcome: Outcome) -> None:  # noqa: ARG002
        """Write the file for nobody but the user."""
        write(job.target, data, private=True)

    def entry(self, outcome: Outcome, content: bytes) -> Entry:
        """Return what the manifest is to say of a file before it is uploaded."""
        return Entry(
            target=os.fsencode(self._key(outcome.source)),
            status=BEGUN,
            source=self._originals[outcome.source],
            content=content,
        )

    def _key(self, source: Path) -> Path:
        return Path(self._manifest.digest(os.fsencode(source.relative_to(self._folder))).hex())


def _as_sent(entry: Entry) -> Entry:
    return Entry(target=entry.target, status=SENT, source=entry.source, content=entry.content)


def state_folder(folder: Path, place: str) -> Path:
    """Return the private folder in which it is noted what of a watched folder is at a destination.

    Raises:
        ConfigError: it cannot be made.
    """
    named = os.fsencode(os.path.realpath(folder)) + b"\0" + os.fsencode(place)
    path = places.spool().parent / "watched" / hashlib.sha256(named).hexdigest()[:32]
    try:
        places.private_folder(path.parent)
        return places.private_folder(path)
    except OSError as error:
        raise ConfigError(f"cannot make {shown(path)}: {error.strerror}: set CLOAK_HOME to another folder") from error
