"""The record of uploads: what is where, who can see it, when it has to be gone.

It knows neither source paths nor hashes of originals nor alt texts: who gets hold of it cannot tell which photos of a
disk are the ones behind the random names. Links, passwords and credentials are never written. An upload that is gone
keeps what proves that: id, destination, content hash, when it was placed and when deleted.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from cloak.errors import LedgerError, UsageError
from cloak.upload import places, runs
from cloak.upload.destination import Audience, Placed
from cloak.upload.schema import connect, explained

_FIELDS = (
    "id, destination, state, started, name, sha256, size, audience, handle, placed, expires, server_expires, deleted, "
    "note, problem, claim"
)
_FORGET = "name = NULL, size = NULL, audience = NULL, handle = NULL, expires = NULL, server_expires = NULL, note = '', "


class State(StrEnum):
    """How far an upload is: begun, there, deleted by us, or by the server when its time was up."""

    PENDING = "pending"
    PLACED = "placed"
    DELETED = "deleted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One upload, as the ledger knows it; times are in UTC.

    Attributes:
        id: short and random: how people name it.
        destination: its name in the configuration, or the path of a folder.
        state: how far it is.
        started: when it was begun.
        name: what the file is called there.
        sha256: of the bytes that were uploaded.
        size: their number.
        audience: who can see it, as the server said.
        handle: what the destination finds it by.
        placed: when it was there.
        expires: when `purge` deletes it; None for never.
        server_expires: when the server deletes it or ends its link.
        deleted: when it was found to be gone.
        note: the user's own words about it, if any.
        problem: why it could not be deleted the last time.
        claim: the run that works on it, or did when it was interrupted.
    """

    id: str
    destination: str
    state: State
    started: datetime
    name: str | None = None
    sha256: str | None = None
    size: int | None = None
    audience: Audience | None = None
    handle: str | None = None
    placed: datetime | None = None
    expires: datetime | None = None
    server_expires: datetime | None = None
    deleted: datetime | None = None
    note: str = ""
    problem: str = ""
    claim: str | None = None


class Ledger:
    """An open ledger. One connection for one thread; other processes may have it open, too.

    Raises:
        LedgerError: every method, if the file is locked, damaged or not accessible.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = connect(path)

    @classmethod
    def open(cls) -> Self:
        """Open the user's."""
        return cls(places.ledger())

    def close(self) -> None:
        """Close it, and write over what was forgotten, in its journal too."""
        with self._explained(), closing(self._connection):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(
        self, *, destination: str, name: str, sha256: str, size: int, run: str, expires: datetime | None, note: str = ""
    ) -> str:
        """Note an upload before its first byte leaves, and return its id."""
        while True:  # ids are short, and what is gone keeps its own
            identity = secrets.token_hex(4)
            noted = self._execute(
                "INSERT INTO uploads (id, destination, state, started, name, sha256, size, expires, note, claim) "
                "VALUES (?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (identity, destination, _now(), name, sha256, size, _seconds(expires), note, run),
            )
            if noted:
                return identity

    def place(self, identity: str, placed: Placed) -> None:
        """Note that an upload is there; its link and password are left out."""
        self._execute(
            "UPDATE uploads SET state = 'placed', placed = ?, audience = ?, handle = ?, server_expires = ?, "
            "claim = NULL WHERE id = ?",
            (_now(), placed.audience, placed.handle, _seconds(placed.expires), identity),
        )

    def keep(self, identity: str, handle: str) -> None:
        """Note what is left of an upload that was interrupted, which is not to be found by its name any more."""
        self._execute("UPDATE uploads SET handle = ? WHERE id = ?", (handle, identity))

    def drop(self, identity: str) -> None:
        """Forget an upload of which nothing ever was there."""
        self._execute("DELETE FROM uploads WHERE id = ? AND state = 'pending'", (identity,))

    def forget(self, identity: str) -> None:
        """Take an upload off the record, whatever may be there still."""
        self._execute("DELETE FROM uploads WHERE id = ?", (identity,))

    def end(self, identity: str, state: State) -> None:
        """Note that an upload is gone, and forget all that does not prove it."""
        self._execute(
            f"UPDATE uploads SET {_FORGET} problem = '', claim = NULL, state = ?, deleted = ? WHERE id = ?",  # noqa: S608
            (state, _now(), identity),
        )

    def fail(self, identity: str, problem: str) -> None:
        """Note why an upload could not be deleted, and let go of it: it stays due."""
        self._execute("UPDATE uploads SET problem = ?, claim = NULL WHERE id = ?", (problem, identity))

    def claim(self, entry: Entry, run: str) -> bool:
        """Take an entry on for a run, unless another that lives has, or it changed since it was read."""
        if entry.claim not in (None, run) and runs.lives(entry.claim):
            return False
        changed = self._execute(
            "UPDATE uploads SET claim = ? WHERE id = ? AND claim IS ? AND state = ?",
            (run, entry.id, entry.claim, entry.state),
        )
        return changed == 1

    def release(self, run: str) -> None:
        """Let go of what a run claimed to delete and did not come to."""
        self._execute("UPDATE uploads SET claim = NULL WHERE claim = ? AND state = 'placed'", (run,))

    def entries(self, *states: State) -> list[Entry]:
        """Return the uploads in some states, or in all; oldest first."""
        chosen = states or tuple(State)
        marks = ", ".join("?" * len(chosen))
        return self._select(f"state IN ({marks}) ORDER BY started, rowid", chosen)

    def get(self, identity: str) -> Entry:
        """Return an upload by its id, or by how that begins.

        Raises:
            UsageError: there is none, or more than one.
        """
        found = self._select("substr(id, 1, length(?)) = ?", (identity, identity)) if identity else []
        if len(found) != 1:
            problem = "several uploads have ids that begin" if found else "no upload has an id that begins"
            raise UsageError(f"{problem} with {identity!r}: see `cloak uploads list --all`")
        return found[0]

    def due(self, now: datetime | None = None) -> list[Entry]:
        """Return what has to be deleted: its time is up, or it was interrupted. Others may be at it: see `claim`."""
        overdue = self._select("state = 'placed' AND expires <= ? ORDER BY expires", (_seconds(now) or _now(),))
        lives: dict[str | None, bool] = {None: False}
        free = []
        for entry in [*self.entries(State.PENDING), *overdue]:
            if entry.claim not in lives:
                lives[entry.claim] = runs.lives(str(entry.claim))
            if not lives[entry.claim]:
                free.append(entry)
        return free

    def same(self, sha256: str, destination: str) -> list[Entry]:
        """Return the uploads of the same bytes that are at the same place: what stays longest first, overdue last."""
        return self._select(
            "state = 'placed' AND sha256 = ? AND destination = ? ORDER BY expires IS NOT NULL, expires DESC",
            (sha256, destination),
        )

    def _select(self, where: str, values: tuple[object, ...]) -> list[Entry]:
        with self._explained():
            rows = self._connection.execute(f"SELECT {_FIELDS} FROM uploads WHERE {where}", values)  # noqa: S608
            return [entry(row) for row in rows]

    def _execute(self, statement: str, values: tuple[object, ...]) -> int:
        with self._explained():
            return self._connection.execute(statement, values).rowcount

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explained(error, self._path) from error


def salvage(path: Path, skipped: Callable[[str], object]) -> Iterator[Entry]:
    """Yield what can still be read of a damaged ledger, and change nothing.

    Args:
        path: the ledger.
        skipped: told why something could not be read.

    Raises:
        LedgerError: there is no such file.
    """
    if not path.exists():
        raise LedgerError(f"there is no ledger at {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            last = connection.execute("SELECT max(rowid) FROM uploads NOT INDEXED").fetchone()[0] or 0
            for number in range(1, last + 1):
                try:
                    row = connection.execute(
                        f"SELECT {_FIELDS} FROM uploads NOT INDEXED WHERE rowid = ?",  # noqa: S608
                        (number,),
                    ).fetchone()
                    if row:
                        yield entry(row)
                except (sqlite3.Error, LedgerError) as error:
                    skipped(f"entry {number}: {error}")
    except sqlite3.Error as error:
        skipped(str(error))


def entry(row: tuple[Any, ...]) -> Entry:
    """Return a row of the table as an entry.

    Raises:
        LedgerError: it is not as this program writes it.
    """
    values: dict[str, Any] = dict(zip(_FIELDS.split(", "), row, strict=True))
    try:
        for name in ("started", "placed", "expires", "server_expires", "deleted"):
            values[name] = None if values[name] is None else datetime.fromtimestamp(values[name], UTC)
        values["audience"] = values["audience"] and Audience(values["audience"])
        return Entry(**{**values, "state": State(values["state"])})
    except (TypeError, ValueError, OverflowError) as error:
        raise LedgerError(
            f"an entry of the ledger is damaged ({error}): see `cloak uploads export --salvage`"
        ) from error


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


def _seconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())
