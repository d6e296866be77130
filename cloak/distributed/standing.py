"""How an output stands that is named by its URL: `cloak.album.look` where there is no SQLite file to look into.

Nothing is written, neither there nor here: records are small, and are read one by one into memory.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from cloak.album import PAGE, Standing
from cloak.distributed.places import HIDDEN, Mark, Place, Stored
from cloak.distributed.records import ALBUM, Record, open_album, record_name
from cloak.errors import OutputError, UsageError, WriteError
from cloak.names import shown
from cloak.outcome import Status

TOGETHER = 16
"""How many requests are under way at a time: a bucket takes long to answer, and answers many at once."""

AHEAD = 256
"""How many names are handed to the threads at a time: all at once would be an object each, of a million photos."""

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


def look(url: str) -> Standing:
    """Compare an output with its records; makes one small request for each photo, and reads those without an MD5.

    It may be called while runs are at work: a photo that they come to meanwhile is as it was before or after.

    Args:
        url: what `cloak protect` was given as its output.

    Raises:
        UsageError: nothing that keeps records was written there, or there is no such kind of place.
        OutputError: a record is damaged, or something cannot be read.
        MissingExtraError: fsspec is not installed.
    """
    place = Place(url)
    salt = open_album(place, create=False)
    if not salt:
        raise UsageError(
            f"{shown(place.url)} is not an album, there is no {ALBUM} in it: name an output that cloak protect wrote "
            "to, with its manifest"
        )
    try:
        return _Look(place, salt).standing()
    except (WriteError, UsageError) as error:  # neither of them says of a photo that it is not there
        raise OutputError(f"{shown(place.url)} cannot be read: {error}") from error


class _Look:
    """One look at an output."""

    def __init__(self, place: Place, salt: bytes) -> None:
        self._place, self._salt = place, salt
        # Records come first in this list, and a photo may be written while it is made: see `_foreign`.
        self._listed = dict(place.listing())

    def standing(self) -> Standing:
        standing = Standing()
        known: set[str] = set()
        for found in _map(self._record, [name for name in self._listed if _is_record(name)]):
            if found:
                known.add(found[0])
                _add(standing, *found)
        others = [name for name in self._listed if name not in known and _is_file(name, self._listed)]
        for name, found in zip(others, _map(self._foreign, others), strict=True):
            _add(standing, *(found or (name, "foreign")))
        for paths in (standing.done, standing.failed, standing.missing, standing.changed, standing.foreign):
            paths.sort()  # names of records are in no order of the photos
        return standing

    def _foreign(self, target: str) -> tuple[str, str] | None:
        """Look once more for a record: one that is younger than the list of files has been written before its photo."""
        return self._record(record_name(target, self._salt))

    def _record(self, name: str) -> tuple[str, str] | None:
        """Return a photo's path below the output and how it stands, None where there is no record of a photo."""
        data = self._place.find(name)
        if data is None:
            return None
        try:
            record = Record.read(data)
        except ValueError as error:
            raise OutputError(
                f"the record {name} is damaged ({error}): the command that made the album does its photo again with "
                "--overwrite; if its original is gone, delete the record"
            ) from error
        return None if record.status == PAGE else (record.target, self._state(record))

    def _state(self, record: Record) -> str:
        if record.status == Status.FAILED:
            return "failed"
        if self._is(record.target, record.content):  # first: what it replaced may have been the same
            return "done"
        if self._place.look(record.target) is None:
            return "missing"
        return "missing" if self._is(record.target, record.earlier) else "changed"

    def _is(self, target: str, mark: Mark | None) -> bool:
        listed = self._listed.get(target)
        if mark and listed == Stored(mark.size, mark.md5):  # no need to ask
            return True
        return self._place.is_still(target, mark, self._salt)


def _add(standing: Standing, target: str, state: str) -> None:
    paths: list[str] = getattr(standing, state)
    paths.append(shown(target))


def _is_record(name: str) -> bool:
    return name.startswith(f"{HIDDEN}/") and name.endswith(".json") and name != ALBUM


def _is_file(name: str, listed: Mapping[str, Stored]) -> bool:
    """Whether it is somebody's: not ours, nor what stands for a folder in a bucket."""
    return HIDDEN not in name.split("/") and not (name.endswith("/") and not listed[name].size)


def _map(work: Callable[[_Item], _Made], items: Iterable[_Item]) -> Iterator[_Made]:
    """Do something with many items, several at a time, and yield what comes of each, in order."""
    rest = iter(items)
    with ThreadPoolExecutor(TOGETHER, "cloak-looks") as pool:
        while some := list(islice(rest, AHEAD)):
            yield from pool.map(work, some)
