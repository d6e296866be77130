"""Whose the report is: the next run replaces one that is as cloak wrote it, and no other."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cloak.album import OUTSIDE, PAGE, Album
from cloak.config import ProtectConfig
from cloak.distributed.places import Mark, Place, is_url
from cloak.distributed.records import Record, keyed, open_album, record_name, today
from cloak.errors import WriteError


class Pages:
    """Remembers reports, which are files of this machine, in the records of an output that is named by its URL.

    Args:
        place: the output.
        salt: what `cloak.distributed.records.open_album` returned.
    """

    def __init__(self, place: Place, salt: bytes) -> None:
        self._place, self._salt = place, salt

    def owns(self, path: Path) -> bool:
        """Say whether a report is as a run wrote it; true where there is none.

        Raises:
            WriteError: that cannot be told.
        """
        if not os.path.lexists(path):
            return True
        data = self._place.find(record_name(self._target(path), self._salt))
        with suppress(ValueError, OSError):  # a record that is none; a folder, or no permission
            return data is not None and Record.read(data).content == self._mark(path)
        return False

    def own(self, path: Path) -> None:
        """Remember a report, so that the next run may replace it."""
        target = self._target(path)
        with suppress(WriteError, OSError):  # the report is there all the same
            record = Record(target=target, status=PAGE, content=self._mark(path), day=today())
            self._place.write(record_name(target, self._salt), record.written())

    def _target(self, path: Path) -> str:
        """Return what a report goes by, which says nothing about this machine to whoever reads the records."""
        return OUTSIDE + keyed(os.fsencode(os.path.realpath(path)), self._salt)

    def _mark(self, path: Path) -> Mark:
        """Return the mark of a file that may be larger than the memory; nobody compares it with an ETag."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(key=self._salt, digest_size=32))
            return Mark(digest.hexdigest(), "", file.tell())


@contextmanager
def keeping(output: str, config: ProtectConfig, *, manifest: bool) -> Iterator[Album | Pages | None]:
    """Open what remembers reports; keeps other runs out of a folder meanwhile.

    Args:
        output: folder or URL that is written to.
        config: all settings.
        manifest: keep one; without, there is nothing that remembers.

    Raises:
        OutputError: the output cannot be used, or another run is at work there.
    """
    if not manifest:
        yield None
    elif is_url(output):
        place = Place(output)
        yield Pages(place, open_album(place, create=True))
    else:
        with Album(Path(output), config) as album:
            yield album
