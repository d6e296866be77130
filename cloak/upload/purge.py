"""Delete what is due, and clean up after uploads that were interrupted."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from cloak.errors import (
    CloakError,
    LedgerError,
    PhotoError,
    UnreachableError,
    UntrustedError,
    UploadError,
)
from cloak.upload.backoff import Backoff
from cloak.upload.cleaning import clean
from cloak.upload.destination import Destination
from cloak.upload.errors import opening, understood
from cloak.upload.ledger import Entry, Ledger, State

PATIENCE = Backoff(attempts=3, first=1.0, most=10.0, patience=30.0)
"""`purge` comes again."""

GIVE_UP = 3
"""Refusals in a row, after which a destination is asked no more: one may concern an upload alone, such as a lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What became of an upload that was to be deleted.

    Attributes:
        entry: which, as it was.
        state: what it is now: `State.PENDING` if it is not there and may be yet, as a server that was slow finishes it;
            None if nothing of it was there in the first place.
        problem: why it may still be there; "" if it is gone.
    """

    entry: Entry
    state: State | None = None
    problem: str = ""


def purge(
    entries: Iterable[Entry],
    ledger: Ledger,
    open_destination: Callable[[str], Destination],
    *,
    run: str,
    backoff: Backoff = PATIENCE,
    close: bool = True,
) -> Iterator[Purged]:
    """Delete uploads; those that another process is at are left to it, without a word.

    What cannot be deleted stays due. A destination that cannot be opened or reached at all is asked once, and one that
    refuses is left alone after `GIVE_UP` refusals in a row. What could not be deleted the last time comes last, in any
    order, so that it never keeps the others from being deleted.

    Args:
        entries: see `Ledger.due`.
        ledger: where they are from.
        open_destination: gives the destination of a name.
        run: the name of a run that goes on around this.
        backoff: how often to try.
        close: close the destinations in the end.

    Raises:
        LedgerError: nothing more can be noted, and so nothing more is deleted.
    """
    open_ones: dict[str, Destination] = {}
    closed: dict[str, str] = {}
    refusals: Counter[str] = Counter()
    try:
        for entry in _fair(entries):
            if not ledger.claim(entry, run):
                continue
            if entry.destination in closed:
                yield _failed(ledger, entry, closed[entry.destination])
                continue
            try:
                if entry.destination not in open_ones:
                    with opening(entry.destination):
                        open_ones[entry.destination] = open_destination(entry.destination)
                with understood(entry.destination):
                    purged = _delete(open_ones[entry.destination], ledger, entry, backoff)
                refusals[entry.destination] = 0
            except LedgerError:
                raise
            except Exception as error:  # whatever it is, the other destinations' uploads are due as well
                if not isinstance(error, PhotoError) or isinstance(error, UnreachableError):
                    refusals[entry.destination] += 1
                    if _hopeless(error) or entry.destination not in open_ones or refusals[entry.destination] == GIVE_UP:
                        closed[entry.destination] = _said(error)
                purged = _failed(ledger, entry, _said(error))
            yield purged
    finally:
        ledger.release(run)
        for destination in open_ones.values() if close else ():
            with suppress(Exception):  # all was said
                destination.close()


def recover(destination: Destination, ledger: Ledger, *, place: str, run: str) -> Iterator[Purged]:
    """Delete what interrupted uploads to a destination left, before new ones; what fails stays due.

    Args:
        destination: which; it stays open.
        ledger: where they are noted.
        place: the destination's name in the ledger.
        run: the name of a run that goes on around this.

    Raises:
        LedgerError: nothing more can be noted.
    """
    left = [one for one in ledger.due() if one.state is State.PENDING and one.destination == place]
    return purge(left, ledger, lambda _: destination, run=run, close=False)


def _delete(destination: Destination, ledger: Ledger, entry: Entry, backoff: Backoff) -> Purged:
    handle, name = entry.handle, entry.name
    if handle is None:
        state = backoff.call(lambda: clean(destination, ledger, entry.id, name, since=entry.started)) if name else None
        return Purged(entry=entry, state=state)
    by_itself = entry.server_expires is not None and _gone(destination, handle, backoff)
    if not by_itself:
        backoff.call(lambda: destination.delete(handle))
    state = State.EXPIRED if by_itself else State.DELETED
    ledger.end(entry.id, state)
    return Purged(entry=entry, state=state)


def _gone(destination: Destination, handle: str, backoff: Backoff) -> bool:
    """Whether the server ended an upload by itself; not where it does not tell, which is no reason to leave it up."""
    try:
        with understood("the server"):
            return backoff.call(lambda: destination.look(handle)) is None
    except UnreachableError:
        raise
    except (PhotoError, UploadError):
        return False


def _hopeless(error: Exception) -> bool:
    """Whether an error would be the same for each upload that is there; others may be refused one."""
    return not isinstance(error, UploadError) or isinstance(error, UntrustedError)


def _said(error: Exception) -> str:
    """Return what to say of an error: not the words of one that nobody expected, which may hold anything."""
    if isinstance(error, CloakError):
        return str(error)
    return f"a mistake in this program, not at the server ({type(error).__name__}): please report it"


def _fair(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries with those last that failed before, in an order by chance."""
    ordered = list(entries)
    failed = [entry for entry in ordered if entry.problem]
    random.shuffle(failed)
    return [*(entry for entry in ordered if not entry.problem), *failed]


def _failed(ledger: Ledger, entry: Entry, problem: str) -> Purged:
    ledger.fail(entry.id, problem)
    return Purged(entry=entry, problem=problem)
