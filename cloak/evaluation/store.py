"""What was computed before: embeddings by the content that they are of, so that a run that was cut off goes on."""

import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import torch

from cloak.errors import OutputError
from cloak.names import shown

SCHEMA = 1


class Store:
    """A table of embeddings in one SQLite file, safe to share between processes and to interrupt.

    Args:
        path: the file; made if it is not there.

    Raises:
        OutputError: it is something else, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with ExitStack() as undo:
                self._database = undo.enter_context(closing(sqlite3.connect(path, timeout=60)))
                self._prepare()
                undo.pop_all()
        except sqlite3.DatabaseError as error:
            raise OutputError(
                f"{shown(path)} is no cache of embeddings ({error}): delete it, or name another -o"
            ) from error

    def _prepare(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA):
            raise OutputError(f"{shown(self._path)} is of another version ({version}): name another folder with -o")
        with self._database as transaction:
            transaction.execute("PRAGMA journal_mode = WAL")
            transaction.execute(
                "CREATE TABLE IF NOT EXISTS embeddings "
                "(content TEXT, view TEXT, victim TEXT, vector BLOB, PRIMARY KEY (content, view, victim))"
            )
            transaction.execute(f"PRAGMA user_version = {SCHEMA}")

    def get(self, content: str, view: str, victim: str) -> torch.Tensor | None:
        """Return an embedding, float32 (D,); (0,) where no face was found; None where nothing is known."""
        row = self._database.execute(
            "SELECT vector FROM embeddings WHERE content = ? AND view = ? AND victim = ?", (content, view, victim)
        ).fetchone()
        return torch.from_numpy(np.frombuffer(row[0], "<f4").copy()) if row else None

    def put(self, rows: Iterable[tuple[str, str, str, torch.Tensor]]) -> None:
        """Keep (content, view, victim, embedding), all of them or, if interrupted, none."""
        values = [(*keys, vector.numpy().astype("<f4").tobytes()) for *keys, vector in rows]
        with self._database as transaction:
            transaction.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", values)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
