"""The tracks of an image sequence: how its frames are coded, where they lie, and when each is shown.

Source: ISO/IEC 14496-12:2022, sections 8.3 to 8.8; ISO/IEC 23008-12:2022, section 7.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cloak.image import blocks
from cloak.image.strip.base import Memory, Source, Span
from cloak.image.strip.isobmff_boxes import Box, Fields, Report, boxes, content, damaged, fields, unique, unsupported

UNKNOWN = (1 << 64) - 1
"""A duration that is not stated."""
CODED = {b"hvc1": b"hvcC", b"hev1": b"hvcC", b"av01": b"av1C"}
"""Sample entries, and the box that their decoder needs."""

_MOST_SAMPLES = 100_000  # almost an hour
_ENTRY_HEADER = 78
_ITS_OWN = b"\0\1\0\0"  # speed
_AS_IT_IS = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


@dataclass(slots=True)
class Entry:
    """How frames are coded: a sample entry.

    Attributes:
        kind: four-character code.
        size: width and height, four bytes.
        depth: of the colours, two bytes, a formality.
        properties: kind and content of the boxes in it.
    """

    kind: bytes
    size: bytes
    depth: bytes
    properties: list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Track:
    """One track.

    Attributes:
        box: where it lies.
        number: its own.
        handler: "pict" for pictures, "auxv" for what goes with them, such as alpha.
        flags: enabled, in the movie, in the preview.
        layer: and alternate group, four bytes.
        shape: matrix, width and height, 44 bytes.
        duration: in the time of the movie.
        links: the tracks it refers to, by kind.
        timescale: ticks a second.
        media_duration: in ticks.
        edits: flags, then (duration, start, rate) of each, or None.
        entries: how frames are coded.
        samples: entry, place and size of each frame.
        times: how many frames last how many ticks.
        shifts: version, then how many frames are shown how much later than decoded, or None.
        sync: numbers of the frames that decoding can start at, or None for all.
    """

    box: Box
    number: int = 0
    handler: bytes = b""
    flags: int = 0
    layer: bytes = bytes(4)
    shape: bytes = bytes(44)
    duration: int = UNKNOWN
    links: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    timescale: int = 0
    media_duration: int = UNKNOWN
    edits: tuple[int, list[bytes]] | None = None
    entries: list[Entry] = field(default_factory=list)
    samples: list[tuple[int, Span]] = field(default_factory=list)
    times: list[tuple[int, int]] = field(default_factory=list)
    shifts: tuple[int, list[tuple[int, int]]] | None = None
    sync: list[int] | None = None


def times(data: Fields, report: Report) -> int:
    """Pass over creation and modification time; return the width of the durations that follow."""
    version, _ = data.version()
    wide = 8 if version else 4
    if any(data.take(2 * wide)):
        report.removed.add(blocks.WHEN)
    return wide


def duration(data: Fields, width: int) -> int:
    """A duration of 4 or 8 bytes."""
    value = data.number(width)
    return UNKNOWN if value == (1 << 8 * width) - 1 else value


def matrix(data: Fields) -> bytes:
    """How pictures are placed: turned by quarters, mirrored and moved; as they are, where it says anything else."""
    values = struct.unpack(">9i", data.take(36))
    turned = all(abs(value) in {0, 1 << 16} for value in (*values[:2], *values[3:5]))
    if turned and not values[2] and not values[5] and values[8] == 1 << 30:
        return struct.pack(">9i", *values)
    return _AS_IT_IS


def head(source: Source, box: Box, report: Report) -> Track:
    """Read who a track is: enough to decide whether it is kept.

    Raises:
        UnreadablePhotoError: it does not add up.
    """
    track = Track(box)
    parts = unique(source, box.body, box.end)
    data = fields(source, _part(parts, b"tkhd"))
    track.flags = int.from_bytes(source.read(parts[b"tkhd"].body + 1, 3), "big") & 15
    width = times(data, report)
    track.number = data.number(4)
    data.take(4)
    track.duration = duration(data, width)
    data.take(8)
    track.layer = data.take(4)
    data.take(4)
    track.shape = matrix(data) + data.take(8)
    if b"tref" in parts:
        for link in boxes(source, parts[b"tref"].body, parts[b"tref"].end):
            targets = fields(source, link)
            track.links[link.kind] = targets.numbers(targets.left // 4)
    media = _part(parts, b"mdia")
    handler = unique(source, media.body, media.end).get(b"hdlr")
    track.handler = source.read(handler.body + 8, 4) if handler is not None else b""
    return track


def read_track(source: Source, track: Track, report: Report) -> list[Box]:
    """Read the rest of a track; return the boxes in it that have no use.

    Raises:
        UnreadablePhotoError: it does not add up.
        UnsupportedPhotoError: coded in a way that we do not know, in another file, or too long.
    """
    parts = unique(source, track.box.body, track.box.end)
    media = _inside(source, parts, b"mdia")
    data = fields(source, _part(media, b"mdhd"))
    width = times(data, report)
    track.timescale, track.media_duration = data.number(4), duration(data, width)
    if b"edts" in parts:
        track.edits = _edits(source, _inside(source, parts, b"edts").get(b"elst"), track.media_duration)
    details = _inside(source, media, b"minf")
    _check_here(source, _inside(source, details, b"dinf").get(b"dref"))
    table = _inside(source, details, b"stbl")
    track.entries = list(_entries(source, _part(table, b"stsd"), report))
    if not track.entries:
        raise damaged("frames that are not said how to decode")
    sizes = _sizes(source, table)
    track.samples = list(_samples(source, table, sizes, len(track.entries)))
    _timing(source, table, track)
    known = (parts, {b"tkhd", b"tref", b"edts", b"mdia"}), (media, {b"mdhd", b"hdlr", b"minf"}), (table, _TABLES)
    return [box for found, wanted in known for kind, box in found.items() if kind not in wanted]


_TABLES = frozenset(
    {b"stsd", b"stts", b"ctts", b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"stss"}
    | {b"sdtp", b"sbgp", b"sgpd", b"cslg", b"stsh", b"stdp", b"subs", b"padb"}  # hints that decoders can do without
)


def _part(parts: dict[bytes, Box], kind: bytes) -> Box:
    if kind not in parts:
        raise damaged(f"a track without a box {kind.decode()}")
    return parts[kind]


def _inside(source: Source, parts: dict[bytes, Box], kind: bytes) -> dict[bytes, Box]:
    box = _part(parts, kind)
    return unique(source, box.body, box.end)


def _edits(source: Source, box: Box | None, longest: int) -> tuple[int, list[bytes]] | None:
    """Which part of a track is shown for how long: one part, at its own speed."""
    if box is None:
        return None
    data = fields(source, box)
    version, flags = data.version()
    width = 8 if version else 4
    count = data.number(4)
    if not count:
        return None
    length, start, rate = duration(data, width), data.number(width), data.take(4)
    if count > 1 or start > longest or rate != _ITS_OWN:
        raise unsupported("an image sequence that is cut together from several parts, or shown at another speed")
    return flags & 1, [length.to_bytes(8, "big") + start.to_bytes(8, "big") + rate]


def _check_here(source: Source, box: Box | None) -> None:
    if box is None:
        return
    data = Memory(content(source, box))
    for entry in boxes(data, 8, data.size):
        if not data.read(entry.body, 4)[3] & 1:
            raise unsupported("frames that lie in another file")


def _entries(source: Source, box: Box, report: Report) -> Iterator[Entry]:
    data = Memory(content(source, box))
    for entry in boxes(data, 8, data.size):
        if entry.kind not in CODED:
            raise unsupported(f"frames coded as {entry.name!r}")
        inside = data.read(entry.body, _ENTRY_HEADER)
        if any(inside[42:74]):
            report.removed.add(blocks.SOFTWARE)
        children = boxes(data, entry.body + _ENTRY_HEADER, entry.end)
        properties = [(child.kind, data.read(child.body, child.end - child.body)) for child in children]
        yield Entry(entry.kind, inside[24:28], inside[74:76], properties)


def _sizes(source: Source, table: dict[bytes, Box]) -> list[int]:
    compact = b"stsz" not in table
    data = fields(source, _part(table, b"stz2" if compact else b"stsz"))
    data.version()
    width = data.number(4)
    count = data.number(4)
    if not 0 < count <= _MOST_SAMPLES:
        raise unsupported(f"an image sequence of {count} frames")
    if compact and width not in {8, 16}:
        raise unsupported(f"frames with sizes of {width} bits")
    if compact:
        return list(data.numbers(count, width // 8))
    return [width] * count if width else list(data.numbers(count))


def _samples(source: Source, table: dict[bytes, Box], sizes: list[int], entries: int) -> Iterator[tuple[int, Span]]:
    wide = b"stco" not in table
    data = fields(source, _part(table, b"co64" if wide else b"stco"))
    data.version()
    chunks = data.numbers(data.number(4), 8 if wide else 4)
    data = fields(source, _part(table, b"stsc"))
    data.version()
    listed = data.numbers(3 * data.number(4))
    runs = list(zip(listed[::3], listed[1::3], listed[2::3], strict=True))
    index = 0
    for run, (first, count, entry) in enumerate(runs):
        last = runs[run + 1][0] if run + 1 < len(runs) else len(chunks) + 1
        if not (0 < first <= last <= len(chunks) + 1 and 0 < entry <= entries) or (not run and first != 1):
            raise damaged(f"chunks {first} to {last} of {len(chunks)}, coded as entry {entry} of {entries}")
        for offset in chunks[first - 1 : last - 1]:
            start = offset
            for size in sizes[index : index + count]:
                if start + size > source.size:
                    raise damaged(f"a frame that reaches to byte {start + size} of {source.size}")
                yield entry - 1, Span(start, start + size)
                start += size
            index = min(index + count, len(sizes))
    if index < len(sizes):
        raise damaged(f"{len(sizes)} frames announced, {index} there")


def _timing(source: Source, table: dict[bytes, Box], track: Track) -> None:
    count = len(track.samples)
    _, track.times = _runs(fields(source, _part(table, b"stts")), count)
    if b"ctts" in table:
        track.shifts = _runs(fields(source, table[b"ctts"]), count)
    if b"stss" in table:
        data = fields(source, table[b"stss"])
        data.version()
        track.sync = list(data.numbers(data.number(4)))
        if any(not 0 < number <= count for number in track.sync) or sorted(set(track.sync)) != track.sync:
            raise damaged("frames to start from that are not there, or out of order")


def _runs(data: Fields, count: int) -> tuple[int, list[tuple[int, int]]]:
    """How many frames have which value, for exactly as many frames as there are."""
    version, _ = data.version()
    runs = []
    listed = data.numbers(2 * data.number(4))
    for stated, value in zip(listed[::2], listed[1::2], strict=True):
        length = min(stated, count)
        count -= length
        if length:
            runs.append((length, value))
    if count:
        raise damaged(f"{count} frames without a time")
    return version, runs
