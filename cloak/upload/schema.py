"""The ledger's tables: made, migrated, and told from what is none."""

import os
import sqlite3
from pathlib import Path

from cloak.errors import LedgerError
from cloak.names import shown

_VERSION_1 = """
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    destination TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'placed', 'deleted', 'expired')),
    started INTEGER NOT NULL,
    name TEXT,
    sha256 TEXT,
    size INTEGER,
    audience TEXT,
    handle TEXT,
    placed INTEGER,
    expires INTEGER,
    server_expires INTEGER,
    deleted INTEGER,
    note TEXT NOT NULL DEFAULT '',
    problem TEXT NOT NULL DEFAULT '',
    claim TEXT
) STRICT;
CREATE INDEX uploads_due ON uploads (state, expires);
CREATE INDEX uploads_same ON uploads (sha256, destination);
"""

MIGRATIONS = (_VERSION_1,)
"""Statements that lead from each version to the next; the last version is their number."""

WAIT = 10.0
"""Seconds to wait for another process that writes."""


def connect(path: Path) -> sqlite3.Connection:
    """Open a ledger, made if it is not there, and bring it up to date.

    Raises:
        LedgerError: it is of a newer version, damaged, locked or not accessible; nothing was changed.
    """
    try:
        _make_private(path)
        connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"the ledger {shown(path)} cannot be opened: {_reason(error)}") from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise explained(error, path) from error
    except LedgerError:
        connection.close()
        raise
    return connection


def explained(error: sqlite3.Error, path: Path) -> LedgerError:
    """Say what is wrong with a ledger, and the way back."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LedgerError(
            f"the ledger {shown(path)} has been locked by another program for {WAIT:g} seconds: "
            "end that one (another `cloak`, a database viewer, a backup), and try again"
        )
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return LedgerError(f"the ledger {shown(path)} cannot be used: {error}: make room, or see who may write there")
    return damaged(path, str(error))


def damaged(path: Path, reason: str) -> LedgerError:
    """Say that a ledger is damaged, and the way back."""
    return LedgerError(
        f"the ledger {shown(path)} is damaged ({reason}); nothing was changed. 1. See what can still be read: "
        "`cloak uploads export --salvage`, and keep what it prints, it is the only record of what is up there. 2. Put "
        f"back a backup of the file, or move it aside ({shown(path.name)} and the files that begin like it): the next "
        "upload begins a new one. 3. What only the old one knew is deleted by no purge: delete it at the destination"
    )


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # the journals of SQLite get the same permissions
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise LedgerError(
            f"the ledger {shown(path)} is of version {version}, and this program knows {len(MIGRATIONS)}: "
            'update with `pip install --upgrade "photo-cloak[upload]"`; nothing was changed'
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    if version < len(MIGRATIONS):
        _migrate(connection)
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise damaged(path, problem)


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, all or nothing; another process may be doing the same."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for statements in MIGRATIONS[version:]:
            for statement in filter(None, map(str.strip, statements.split(";"))):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
