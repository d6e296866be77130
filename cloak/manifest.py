"""What was done in an output folder: one SQLite file in it, hidden, which lets the same command go on where it stopped.

It is made to be found by others: who shares the folder shares it too. It holds no path and no name but those of the
written files, relative to the folder; content is held as keyed hashes, with a key of its own for each folder, so that
two folders cannot be compared. docs/albums.md says what it does give away.

A photo's row is committed *before* its file is written, with the hash of what is about to be written: the file itself
says whether it was. So there is no moment at which killing the program leaves a file that nobody knows.
"""

import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path, PurePath

from filelock import FileLock, Timeout

from cloak.errors import OutputError, WriteError
from cloak.names import shown

NAME = ".cloak-album.sqlite"
LOCK = ".cloak-album.lock"
OURS = frozenset({NAME, NAME + "-journal", LOCK})
"""Names that are not photos."""

_VERSION = 1
_APPLICATION = 0x636C6F61
_BLOCK = 1 << 20
_WAIT = 10.0
"""Seconds that `album status` and a run wait for each other."""

_SCHEMA = """
CREATE TABLE album (salt BLOB NOT NULL);
CREATE TABLE photos (
    target BLOB PRIMARY KEY, status TEXT NOT NULL, source BLOB NOT NULL, settings BLOB NOT NULL, content BLOB NOT NULL,
    earlier BLOB NOT NULL, faces INTEGER NOT NULL, matched INTEGER NOT NULL, day TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sources ON photos (source);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one written file.

    Attributes:
        target: its path below the output folder, as bytes of the file system: names need not be Unicode.
        status: "protected", "stripped" or "failed"; "page" for the report.
        source: keyed hash of the original's content; b"" where it could not be read.
        settings: keyed hash of all that decides what is written.
        content: keyed hash of what was written, or was about to be; b"" if nothing was.
        earlier: the `content` of what that replaces.
        faces: number of faces that were cloaked or blurred.
        matched: how many cloaked faces the witness still matches with the original.
        day: when, to the day: "2026-11-26".
    """

    target: bytes
    status: str
    source: bytes = b""
    settings: bytes = b""
    content: bytes = b""
    earlier: bytes = b""
    faces: int = 0
    matched: int = 0
    day: str = ""

    @property
    def path(self) -> PurePath:
        """The file below the output folder.

        Raises:
            OutputError: it is not below it; no run of ours wrote that.
        """
        path = PurePath(os.fsdecode(self.target))
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise OutputError(f"the manifest names {shown(path)}, which is outside of its folder: {_REMEDY}")
        return path


_COLUMNS = ", ".join(field.name for field in fields(Entry))
_REMEDY = (
    f"the photos are as they were; move {NAME} out of the folder, and pass --overwrite to do again what is there, or "
    "choose another folder"
)


class Manifest:
    """The manifest of one folder; may be used by several threads.

    Args:
        folder: the output folder, which exists.
        create: make one where there is none.

    Raises:
        OutputError: it is damaged, a newer version made it, or it cannot be opened.
    """

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        self.folder = folder
        self._path = folder / NAME
        self._mutex = threading.Lock()
        with self._explained():
            self._connection = self._open(create=create)
            try:
                self._salt = self._prepare(create=create)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def digest(self, data: bytes) -> bytes:
        """Return the keyed hash of some content, 32 bytes."""
        return hashlib.blake2b(data, key=self._salt, digest_size=32).digest()

    def digest_file(self, path: Path) -> bytes | None:
        """Return the keyed hash of a file's content, None where there is no such file or it cannot be read."""
        state = hashlib.blake2b(key=self._salt, digest_size=32)
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    state.update(block)
        except OSError:
            return None
        return state.digest()

    def find(self, target: PurePath) -> Entry | None:
        """Return what is known of a file, by its path below the folder."""
        return next(self._select("target = ?", os.fsencode(target)), None)

    def of_source(self, source: bytes) -> list[Entry]:
        """Return the files that were made of an original, by its hash."""
        return list(self._select("source = ?", source))

    def entries(self) -> list[Entry]:
        """Return all there is, by path."""
        return list(self._select("1 OR ?", b""))

    def put(self, entry: Entry) -> None:
        """Enter what becomes of a file, in place of what was entered before; it is on the disk on return.

        Raises:
            WriteError: the disk is full.
            OutputError: the manifest was damaged meanwhile.
        """
        marks = ", ".join("?" * len(fields(Entry)))
        with self._mutex, self._explained(), self._connection:
            self._connection.execute(f"REPLACE INTO photos ({_COLUMNS}) VALUES ({marks})", astuple(entry))  # noqa: S608

    def _select(self, condition: str, value: bytes) -> Iterator[Entry]:
        query = f"SELECT {_COLUMNS} FROM photos WHERE {condition}"  # noqa: S608 -- all constants of this file
        with self._mutex, self._explained():
            rows = self._connection.execute(query, (value,)).fetchall()
        names = [field.name for field in fields(Entry)]
        return (Entry(**dict(zip(names, row, strict=True))) for row in rows)

    def _open(self, *, create: bool) -> sqlite3.Connection:
        if create:
            # With the permissions that it is to have before there is anything to read.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        mode = "rw" if os.access(self._path, os.W_OK) else "ro"
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=_WAIT, check_same_thread=False)

    def _prepare(self, *, create: bool) -> bytes:
        """Make the tables where there are none, look at what there is, and return the key."""
        run = self._connection.execute
        version, application = (run(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id"))
        if create and not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            with self._connection:
                self._connection.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; PRAGMA application_id = {_APPLICATION};"
                )
                run("INSERT INTO album VALUES (?)", (secrets.token_bytes(32),))
        elif application != _APPLICATION:
            raise sqlite3.DatabaseError("it is not a manifest of cloak")
        elif version > _VERSION:
            raise OutputError(
                f"{shown(self._path)} was made by a newer version of cloak: update this one. Or {_REMEDY}"
            )
        (check,) = run("PRAGMA quick_check(1)").fetchone()
        if check != "ok":
            raise sqlite3.DatabaseError(str(check))
        return bytes(run("SELECT salt FROM album").fetchone()[0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, TypeError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise WriteError(
                    f"cannot write {shown(self._path)}: the disk is full; nothing was left behind"
                ) from error
            raise OutputError(f"the manifest {shown(self._path)} cannot be used ({error}): {_REMEDY}") from error
        except OSError as error:
            raise OutputError(
                f"the manifest {shown(self._path)} cannot be opened ({error.strerror}): {_REMEDY}"
            ) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of an output folder; the system lets go of the lock when the program ends in any way.

    A lock rather than shared work: on one machine, two runs are no faster than one, which fills it.

    Raises:
        OutputError: another run is at work there.
    """
    lock = FileLock(folder / LOCK, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise OutputError(
            f"another run is at work in {shown(folder)}: wait for it, or choose another folder with -o"
        ) from None
    except (OSError, NotImplementedError) as error:
        raise OutputError(
            f"{shown(folder)} cannot be locked ({error}): pass --no-manifest, and start one run at a time"
        ) from error
    try:
        yield
    finally:
        lock.release()
