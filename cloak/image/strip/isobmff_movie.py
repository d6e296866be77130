"""Write the `moov` box of an image sequence: frames with their timing, and neither dates, names nor sound.

Source: ISO/IEC 14496-12:2022, sections 8.2 to 8.8; ISO/IEC 23008-12:2022, section 7.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cloak.image import blocks
from cloak.image.strip.base import Piece, Source
from cloak.image.strip.isobmff_bits import Units
from cloak.image.strip.isobmff_boxes import (
    HANDLER,
    Box,
    Content,
    Report,
    boxes,
    damaged,
    fields,
    unsupported,
    write_box,
    write_full,
)
from cloak.image.strip.isobmff_canvas import check_track
from cloak.image.strip.isobmff_hevc import used
from cloak.image.strip.isobmff_names import SOUND, in_box
from cloak.image.strip.isobmff_properties import ALPHA, PARAMETERS, Properties, auxiliary
from cloak.image.strip.isobmff_tracks import CODED, Track, duration, head, matrix, read_track, times

_UNDETERMINED = 0x55C4  # "und", the language of nobody
_HERE = write_full(b"dref", struct.pack(">I", 1), write_full(b"url ", flags=1))
_MOST_TRACKS = 32
_ENABLED = 1  # the flag of a track
OFF = "image sequence that is switched off"
_MOST_SEQUENCES = 4  # that are read: pictures and their alpha plane, twice
_INSIDE = frozenset({b"colr", b"pasp", b"clap", b"irot", b"imir", b"clli", b"mdcv", b"auxi", b"av1C", b"hvcC"})


@dataclass(slots=True)
class Movie:
    """What is kept of a `moov` box.

    Attributes:
        timescale: ticks a second.
        duration: in ticks.
        matrix: of the whole, 36 bytes.
        tracks: pictures, and what belongs to them.
        whole: no track was left out.
    """

    timescale: int
    duration: int
    matrix: bytes
    tracks: list[Track]
    whole: bool = True


def read_movie(source: Source, box: Box, report: Report, *, sequence: bool) -> Movie | None:
    """Read a `moov` box; None where it holds no pictures but a film.

    Args:
        source: the file.
        box: where it lies.
        report: gets the names of what is left out.
        sequence: the file says that it is an image sequence: then a film in it is one.

    Raises:
        UnreadablePhotoError: it does not add up.
        UnsupportedPhotoError: fragmented, or coded in a way that we do not know.
    """
    movie = None
    tracks: list[Track] = []
    others: list[Box] = []
    for child in boxes(source, box.body, box.end):
        if child.kind == b"mvhd" and movie is None:
            movie = _header(source, child, report)
        elif child.kind == b"trak":
            tracks.append(head(source, child, report))
        elif child.kind == b"mvex":
            raise unsupported("a fragmented image sequence")
        else:
            others.append(child)
    if movie is None or len(tracks) > _MOST_TRACKS:
        raise damaged(f"a movie without a header, or of {len(tracks)} tracks")
    chosen = list(_chosen(tracks, report, sequence=sequence))
    if len(chosen) > _MOST_SEQUENCES:
        raise unsupported(f"{len(chosen)} image sequences in one file")
    for track in chosen:
        others += read_track(source, track, report)
        if track.handler == b"pict" or _is_alpha(track):
            movie.tracks.append(track)
        else:
            report.removed.update(auxiliary(name) for name in _types(track))
    report.removed.update(name for other in others for name in in_box(source, other))
    covered = [number for track in movie.tracks for number in set(track.links.get(b"auxl", ()))]
    if len(set(covered)) < len(covered):
        raise unsupported("two alpha planes of one picture, of which programs take different ones")
    if len({track.number for track in movie.tracks}) < len(movie.tracks):
        raise damaged("two tracks of the same number")
    movie.whole = len(movie.tracks) == len(tracks)
    return movie if movie.tracks else None


def _chosen(tracks: Sequence[Track], report: Report, *, sequence: bool) -> Iterator[Track]:
    """The tracks of pictures, and those that go with them."""
    kind = b"vide" if sequence and not any(track.handler == b"pict" for track in tracks) else b"pict"
    shown = [track for track in tracks if track.handler == kind and b"thmb" not in track.links]
    on = [track for track in shown if track.flags & _ENABLED] or shown
    report.removed |= {OFF} if len(on) < len(shown) else set()
    wanted = {track.number for track in on}
    for track in tracks:
        if track.number in wanted and track.handler == kind:
            track.handler = b"pict"
            yield track
        elif track.handler == b"auxv" and wanted.intersection(track.links.get(b"auxl", ())):
            yield track
        elif track not in shown:
            report.removed.update(_name(track))


def _header(source: Source, box: Box, report: Report) -> Movie:
    data = fields(source, box)
    width = times(data, report)
    timescale, length = data.number(4), duration(data, width)
    data.take(16)  # rate and volume
    return Movie(timescale, length, matrix(data), [])


def _name(track: Track) -> Iterator[str]:
    if track.handler == b"soun":
        yield SOUND
    elif track.handler == b"vide":
        yield blocks.MOTION
    elif track.handler == b"pict":
        yield blocks.THUMBNAIL
    else:
        yield f"private track ({track.handler.decode('latin-1')})"


def _types(track: Track) -> list[bytes]:
    return [body[4:].split(b"\0")[0] for entry in track.entries for kind, body in entry.properties if kind == b"auxi"]


def _is_alpha(track: Track) -> bool:
    return set(_types(track)) <= ALPHA  # old files do not say what it is: then decoders take it for alpha


@dataclass(slots=True)
class Frames:
    """The frames of a track as they are written.

    Attributes:
        entries: the sample entry boxes.
        pieces: of each frame, with its entry.
    """

    entries: list[bytes]
    pieces: list[tuple[int, tuple[Piece, ...]]]


def frames(source: Source, track: Track, properties: Properties, units: Units) -> Frames:
    """Clean the frames of a track.

    Raises:
        UnreadablePhotoError: a frame is damaged.
        UnsupportedPhotoError: a frame that cannot be rewritten.
    """
    check_track(track, properties.report)
    boxes_, parameters = [], []
    for entry in track.entries:
        owned = [(kind, body, False) for kind, body in entry.properties if kind != b"ccst"]
        size = struct.unpack(">HH", entry.size)
        written = [(kind, body) for kind, body, _ in properties.rewrite(owned, size) if kind in _INSIDE]
        needed = [body for kind, body in written if kind == CODED[entry.kind]]
        if len(needed) != 1:
            raise damaged(f"{len(needed)} boxes {CODED[entry.kind]!r} for frames coded as {entry.kind!r}")
        parameters.append(needed[0])
        written += [(kind, _constraints(body)) for kind, body in entry.properties if kind == b"ccst"][:1]
        boxes_.append(written)
    pieces = []
    needs: list[set[int]] = [set() for _ in parameters]
    for index, span in track.samples:
        content = Content(source, [span])
        cleaned = units.picture(track.entries[index].kind, content, parameters[index])
        needs[index] |= cleaned.parameters
        pieces.append((index, cleaned.pieces(content)))
    entries = []
    for entry, written, need in zip(track.entries, boxes_, needs, strict=True):
        fixed = struct.pack(">6xH16x4sIIIH32x2sh", 1, entry.size, 72 << 16, 72 << 16, 0, 1, entry.depth, -1)
        exact = [(kind, _exact(entry.kind, kind, body, need, properties.report)) for kind, body in written]
        entries.append(write_box(entry.kind, fixed, *(write_box(kind, body) for kind, body in exact)))
    return Frames(entries, pieces)


def _exact(coded: bytes, kind: bytes, body: bytes, needed: set[int], report: Report) -> bytes:
    """A box of a sample entry, without parameters that no frame uses; where frames have their own, with all."""
    if (coded, kind) != (b"hvc1", b"hvcC"):
        return body
    exact = used(body, needed)
    report.removed |= {PARAMETERS} if len(exact) < len(body) else set()
    return exact


def _constraints(body: bytes) -> bytes:
    """Which frames may refer to which: six bits."""
    if len(body) < 8:
        raise damaged(f"a ccst box of {len(body)} bytes")
    return bytes(4) + bytes([body[4] & 0xFC, 0, 0, 0])


def write_movie(movie: Movie, written: Sequence[Frames], offsets: Sequence[Sequence[int]]) -> bytes:
    """The `moov` box.

    Args:
        movie: what was read.
        written: the frames of each track.
        offsets: where each frame of each track starts in the file.
    """
    numbers = {track.number: index for index, track in enumerate(movie.tracks, 1)}
    header = struct.pack(">QQIQ", 0, 0, movie.timescale, movie.duration) + struct.pack(">IH10x", 1 << 16, 1 << 8)
    header += movie.matrix + struct.pack(">24xI", len(movie.tracks) + 1)
    tracks = [
        _track(track, numbers, found, places)
        for track, found, places in zip(movie.tracks, written, offsets, strict=True)
    ]
    return write_box(b"moov", write_full(b"mvhd", header, version=1), *tracks)


def _track(track: Track, numbers: dict[int, int], written: Frames, places: Sequence[int]) -> bytes:
    header = struct.pack(">QQIxxxxQ8x", 0, 0, numbers[track.number], track.duration) + track.layer + bytes(4)
    children = [write_full(b"tkhd", header + track.shape, version=1, flags=track.flags)]
    links = [
        write_box(kind, *(struct.pack(">I", numbers[target]) for target in track.links[kind] if target in numbers))
        for kind in (b"auxl", b"prem")
        if any(target in numbers for target in track.links.get(kind, ()))
    ]
    children += [write_box(b"tref", *links)] if links else []
    if track.edits is not None:
        flags, edits = track.edits
        listed = write_full(b"elst", struct.pack(">I", len(edits)), *edits, version=1, flags=flags)
        children.append(write_box(b"edts", listed))
    media = struct.pack(">QQIQHH", 0, 0, track.timescale, track.media_duration, _UNDETERMINED, 0)
    details = write_box(
        b"minf", write_full(b"vmhd", bytes(8), flags=1), write_box(b"dinf", _HERE), _table(track, written, places)
    )
    children.append(write_box(b"mdia", write_full(b"mdhd", media, version=1), HANDLER[track.handler], details))
    return write_box(b"trak", *children)


def _table(track: Track, written: Frames, places: Sequence[int]) -> bytes:
    sizes = [sum(map(len, pieces)) for _, pieces in written.pieces]
    starts, chunks = _chunks(written, sizes, places)
    far = max(places) > 0xFFFFFFFF
    children = [
        write_full(b"stsd", struct.pack(">I", len(written.entries)), *written.entries),
        _runs(b"stts", 0, track.times),
    ]
    children += [_runs(b"ctts", *track.shifts)] if track.shifts is not None else []
    children.append(write_full(b"stsc", struct.pack(">I", len(chunks)), *chunks))
    children.append(write_full(b"stsz", struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes)))
    table = struct.pack(f">I{len(starts)}{'Q' if far else 'I'}", len(starts), *starts)
    children.append(write_full(b"co64" if far else b"stco", table))
    if track.sync is not None:
        children.append(write_full(b"stss", struct.pack(f">I{len(track.sync)}I", len(track.sync), *track.sync)))
    return write_box(b"stbl", *children)


def _chunks(written: Frames, sizes: Sequence[int], places: Sequence[int]) -> tuple[list[int], list[bytes]]:
    """Where each run of frames starts that lie one behind the other and are coded alike, and how many these are."""
    starts: list[int] = []
    counts: list[list[int]] = []
    end = -1
    for (entry, _), size, place in zip(written.pieces, sizes, places, strict=True):
        if place == end and counts[-1][1] == entry + 1:
            counts[-1][0] += 1
        else:
            starts.append(place)
            counts.append([1, entry + 1])
        end = place + size
    return starts, [struct.pack(">III", number, *count) for number, count in enumerate(counts, 1)]


def _runs(kind: bytes, version: int, runs: Sequence[tuple[int, int]]) -> bytes:
    table = b"".join(struct.pack(">II", *run) for run in runs)
    return write_full(kind, struct.pack(">I", len(runs)), table, version=version)
