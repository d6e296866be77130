"""The one file of an index: SQLite, so that it is never half written and can be read while it grows.

Pictures are kept by content, sources by where they were found: a photo on two pages is looked at once and has two
sources. Nothing is ever removed, as with the engines that this stands for.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cloak.errors import OutputError, UsageError
from cloak.evaluation.engine.profiles import Published, Told
from cloak.names import shown

APPLICATION = 0x436C4678
"""Marks our files, at the place that SQLite's format has for it."""

SCHEMA = 1
PART = 1 << 26
"""Bytes of one part of the serialised index: SQLite's values end at 1 GB."""

Floats = npt.NDArray[np.float32]

_PAGE = 16_384
"""Bytes: a face takes 1 kB, of which SQLite's usual pages waste a quarter."""

_MAGIC = b"SQLite format 3\0"
_TABLES = (
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE pictures (id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE)",
    "CREATE TABLE sources (id INTEGER PRIMARY KEY, picture INTEGER NOT NULL REFERENCES pictures, link TEXT NOT NULL,"
    " page TEXT NOT NULL, title TEXT NOT NULL, date TEXT NOT NULL, place TEXT NOT NULL, people TEXT NOT NULL,"
    " UNIQUE (picture, link))",
    # No picture: a made-up stranger.
    "CREATE TABLE faces (id INTEGER PRIMARY KEY, picture INTEGER REFERENCES pictures, size REAL NOT NULL,"
    " embedding BLOB NOT NULL, thumbnail BLOB NOT NULL)",
    "CREATE INDEX faces_of_picture ON faces (picture)",
    "CREATE TABLE parts (number INTEGER PRIMARY KEY, data BLOB NOT NULL)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A place where a picture was found, and what its file said.

    Attributes:
        link: where it is.
        page: on whose page.
        told: what the file says.
    """

    link: str
    page: str
    told: Told


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFace:
    """A face to keep.

    Attributes:
        size: the longer side of its box in pixels.
        embedding: float32 (D,), L2-normalised.
        thumbnail: a small JPEG of it.
    """

    size: float
    embedding: Floats
    thumbnail: bytes


class Database:
    """Reads and writes the file of an index.

    Args:
        path: the file.
        settings: what a new file is made with; None opens one that is there.

    Attributes:
        path: the file.
        settings: what it was made with.

    Raises:
        UsageError: the file is something else, of a newer version, not there, or damaged.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, settings: dict[str, str] | None = None) -> None:
        self.path = path
        _refuse_foreign(path, writing=settings is not None)
        with self._told(), ExitStack() as undo:
            mode = "rw" if settings is None else "rwc"  # "ro" could not undo what a program that crashed left half done
            self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=10)
            undo.callback(self._connection.close)
            self._connection.isolation_level = None  # transactions are ours to begin
            if settings is not None:
                self._create(settings)
            self.settings = dict(self._connection.execute("SELECT name, value FROM settings"))
            undo.pop_all()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _create(self, settings: dict[str, str]) -> None:
        self._connection.execute(f"PRAGMA page_size = {_PAGE}")  # of a new file only
        with self._transaction():
            if self._connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION:
                return
            for statement in _TABLES:
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {SCHEMA}")
            self._connection.executemany("INSERT INTO settings VALUES (?, ?)", settings.items())

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite says into an error of ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OutputError(
                f"{shown(self.path)} cannot be used: {error}: is another program writing to it?"
            ) from error
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{shown(self.path)} is damaged: {error}: index the profiles anew") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it, or nothing."""
        with self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def picture(self, sha256: str) -> int | None:
        """Return the number of a picture by its content, if it is known."""
        return self._one("SELECT id FROM pictures WHERE sha256 = ?", sha256)

    def known(self, picture: int, link: str) -> bool:
        """Whether a picture was found at this place before."""
        return self._one("SELECT id FROM sources WHERE picture = ? AND link = ?", picture, link) is not None

    def add(self, sha256: str, found: Published, told: Told, faces: Sequence[StoredFace] | None) -> None:
        """Keep a source and, if its picture is new, the faces in it.

        Args:
            sha256: of the file.
            found: where it is.
            told: what it says.
            faces: those of a new picture; None for one that is known.
        """
        with self._transaction():
            if faces is not None:
                self._connection.execute("INSERT INTO pictures (sha256) VALUES (?)", (sha256,))
            picture = self.picture(sha256)
            self._connection.execute(
                "INSERT INTO sources (picture, link, page, title, date, place, people) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (picture, found.link, found.page, told.title, told.date, told.place, told.people),
            )
            self._insert((picture, face) for face in faces or ())

    def add_strangers(self, embeddings: Floats) -> None:
        """Keep made-up faces, float32 (N, D)."""
        made_up = (StoredFace(size=0.0, embedding=row, thumbnail=b"") for row in embeddings)
        with self._transaction():
            self._insert((None, face) for face in made_up)

    def _insert(self, faces: Iterable[tuple[int | None, StoredFace]]) -> None:
        self._connection.executemany(
            "INSERT INTO faces (picture, size, embedding, thumbnail) VALUES (?, ?, ?, ?)",
            (
                (picture, face.size, np.asarray(face.embedding, "<f2").tobytes(), face.thumbnail)
                for picture, face in faces
            ),
        )

    def sources(self, face: int) -> list[Source]:
        """Return where a face was found, the oldest place first; nowhere, if it was made up."""
        query = (
            "SELECT link, page, title, date, place, people FROM sources"
            " WHERE picture = (SELECT picture FROM faces WHERE id = ?) ORDER BY id"
        )
        with self._told():
            return [
                Source(link=link, page=page, told=Told(title=title, date=date, place=place, people=people))
                for link, page, title, date, place, people in self._connection.execute(query, (face,))
            ]

    def thumbnail(self, face: int) -> bytes:
        """Return the small JPEG of a face, b"" if it was made up."""
        with self._told():
            return bytes(self._connection.execute("SELECT thumbnail FROM faces WHERE id = ?", (face,)).fetchone()[0])

    def pages(self) -> dict[int, str]:
        """Return, for each face that was not made up, the first page that it was found on."""
        query = (
            "SELECT faces.id, sources.page FROM faces JOIN sources ON sources.picture = faces.picture"
            " GROUP BY faces.id HAVING sources.id = min(sources.id) ORDER BY faces.id"
        )
        with self._told():
            return dict(self._connection.execute(query))

    def count(self, table: str) -> int:
        """Return how many `pictures`, `sources` or `faces` there are."""
        if table not in {"pictures", "sources", "faces"}:
            raise ValueError(f"no such table: {table}")
        return self._one(f"SELECT count(*) FROM {table}") or 0  # noqa: S608 -- one of three names

    def embeddings(self, start: int, end: int) -> Floats:
        """Return the embeddings of faces `start` to `end` - 1, counted from 0, float32 (N, D)."""
        query = "SELECT embedding FROM faces WHERE id > ? AND id <= ? ORDER BY id"
        with self._told():
            return _stacked(row for (row,) in self._connection.execute(query, (start, end)))

    def chosen(self, faces: Iterable[int]) -> Floats:
        """Return the embeddings of single faces, by their numbers from 0, float32 (N, D)."""
        query = "SELECT embedding FROM faces WHERE id = ?"
        with self._told():
            return _stacked(self._connection.execute(query, (face + 1,)).fetchone()[0] for face in faces)

    def keep_index(self, data: npt.NDArray[np.uint8], trained_on: int) -> None:
        """Keep a serialised index in place of the one before."""
        with self._transaction():
            self._connection.execute("DELETE FROM parts")
            for number, start in enumerate(range(0, len(data), PART)):
                part = data[start : start + PART].tobytes()
                self._connection.execute("INSERT INTO parts VALUES (?, ?)", (number, part))
            self._connection.execute("INSERT OR REPLACE INTO settings VALUES ('trained_on', ?)", (str(trained_on),))
        self.settings["trained_on"] = str(trained_on)

    def kept_index(self) -> npt.NDArray[np.uint8] | None:
        """Return the serialised index, if one was kept."""
        with self._told(), closing(self._connection.execute("SELECT data FROM parts ORDER BY number")) as rows:
            parts = [np.frombuffer(data, np.uint8) for (data,) in rows]
        return np.concatenate(parts) if parts else None

    def _one(self, query: str, *values: object) -> int | None:
        with self._told():
            row = self._connection.execute(query, values).fetchone()
        return None if row is None else int(row[0])


def _stacked(blobs: Iterable[bytes]) -> Floats:
    rows = [np.frombuffer(blob, "<f2") for blob in blobs]
    stacked = np.stack(rows).astype(np.float32) if rows else np.zeros((0, 1), np.float32)
    stacked /= np.linalg.norm(stacked, axis=1, keepdims=True).clip(1e-6)
    return stacked


def _refuse_foreign(path: Path, *, writing: bool) -> None:
    """Look at a file before SQLite does, which would take an empty or foreign one for its own."""
    try:
        if not path.exists():
            if not writing:
                raise UsageError(f"there is no {shown(path)}: make it with `cloak engine index PROFILES --db FILE`")
            return
        if not path.is_file():
            raise UsageError(f"{shown(path)} is not a file: name one with --db")
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise UsageError(f"{shown(path)} cannot be read: {error.strerror}") from error
    if writing and not head:
        return
    if head[:16] != _MAGIC or int.from_bytes(head[68:72], "big") != APPLICATION:
        raise UsageError(f"{shown(path)} is no index of faces, and is left as it is: name another --db")
    version = int.from_bytes(head[60:64], "big")
    if version != SCHEMA:
        raise UsageError(f"{shown(path)} has version {version}, this program knows {SCHEMA}: index the profiles anew")
