"""What a film says about itself: motion videos, and the frames of animated HEIC and AVIF files.

Source: ISO/IEC 14496-12; Apple's QuickTime File Format, "User Data Atoms" and "Metadata".
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from cloak.image.bmff import Box, boxes
from cloak.image.structure import StructureError
from cloak.inspect import film_words
from cloak.inspect.finding import Harm, Notes

_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_NESTS = frozenset({b"moov", b"trak", b"mdia", b"udta", b"minf", b"stbl"})
_HEADERS = {b"mvhd": "video made", b"tkhd": "video track made", b"mdhd": "video track made"}
_MOST = 2_000


def read(
    data: memoryview,
    notes: Notes,
    *,
    source: str = "video",
    offset: int = 0,
    photo: Callable[[Box], None] | None = None,
) -> None:
    """Say what the boxes of a film say, as far as they can be followed.

    Args:
        data: the film.
        notes: where to write it down.
        source: what to call it.
        offset: where it starts in its file.
        photo: gets the boxes that belong to photos (`meta`, `stsd`), where the film is one that moves.
    """
    for parent, box in _flat(data, offset, [0]):
        if box.kind in _HEADERS and len(box.body) >= 12:
            _dates(box, notes, source)
        elif box.kind == b"meta":
            film_words.meta(box, notes, source)
        elif parent == b"udta" or box.kind == b"uuid":
            film_words.user_data(box, notes, source)
        if photo is not None and box.kind in {b"meta", b"stsd"}:
            try:
                photo(box)
            except StructureError as error:
                notes.damaged(f"box {box.kind.decode()} of the {source} could not be read to its end ({error})")


def _dates(box: Box, notes: Notes, source: str) -> None:
    width = 8 if box.body[0] == 1 else 4
    for place, what in ((4, _HEADERS[box.kind]), (4 + width, "video changed")):
        seconds = int.from_bytes(box.body[place : place + width], "big")
        if seconds:
            notes.say(Harm.WHEN, what, since_1904(seconds), source=source)


def _flat(
    data: memoryview, offset: int, seen: list[int], parent: bytes = b"", depth: int = 0
) -> Iterator[tuple[bytes, Box]]:
    """Yield the boxes that are looked into, each with the kind of the one around it."""
    iterator = boxes(data, offset)
    while seen[0] < _MOST:
        seen[0] += 1
        try:
            box = next(iterator)
        except (StopIteration, StructureError):
            return
        if box.kind in _NESTS and depth < 8:
            yield from _flat(box.body, box.offset, seen, box.kind, depth + 1)
        else:
            yield parent, box


def since_1904(seconds: int) -> str:
    """Seconds since 1904, as films count them; some writers count from 1970."""
    if seconds < 2_082_844_800:
        return unix(seconds)
    return (_EPOCH + timedelta(seconds=min(seconds, 10**10))).strftime("%Y-%m-%d %H:%M:%S UTC")


def unix(seconds: float) -> str:
    """Seconds since 1970 as a date."""
    return datetime.fromtimestamp(min(seconds, 10**10), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
