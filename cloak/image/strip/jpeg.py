"""Rewrite a JPEG file around its coded picture: segments by allow-list, headers and profile made anew.

Frame, scans and the tables that these use are copied as they are. The JFIF header is written anew without its
thumbnail, the Adobe header without its flags, each only where there was one: decoders tell by them what the colours
mean. Like decoders, this passes over bytes between segments, and heeds only what stands before the first scan. A file
that ends in the middle of a scan gets the end marker that decoders, browsers among them, take as read there: they show
the same. One that ends anywhere else is refused.

Source: ITU-T T.81, annex B; T.871 (JFIF); T.872, section 6.5.3 (Adobe); ICC.1:2022, annex B.4 (profiles).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image import aspect, blocks, orientation, profiles
from cloak.image.strip.base import CUT_OFF, Keep, Piece, Plan, Source, Span, merged
from cloak.image.strip.finder import Finder, behind
from cloak.image.strip.jpeg_tables import DAC, DHT, DQT, Tables
from cloak.image.strip.upright import upright

_SOI, _EOI, _SOS, _DNL, _DRI, _COM = 0xD8, 0xD9, 0xDA, 0xDC, 0xDD, 0xFE
_APPS = range(0xE0, 0xF0)
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_MOST_SEGMENTS = 100_000
_LARGEST = 1 << 24  # bytes of a profile, or of EXIF in several segments
_PART = 65_519  # bytes of a profile in one segment
_MOST_PARTS = 255
_LOOKED = 1 << 22  # bytes of application data after which no more is looked at to name it: all of it goes anyway


@dataclass(frozen=True, slots=True)
class _Segment:
    """A marker with the span of its payload."""

    marker: int
    start: int
    end: int


@dataclass(slots=True)
class _Found:
    """What a file consists of. `adobe` is the colour transform, `density` what JFIF says, each if there is a header.

    `tables` are among the pieces of the `body`; `cut` is whether the file ends in a scan. `restarts` is the interval in
    force, `announced` the next one and its place in the body, as long as no scan has used it, and `idle` are the places
    of those that no scan used at all.
    """

    density: tuple[int, int] | None = None
    adobe: int | None = None
    kind: int = 0
    frame: bytes = b""
    lines: int = 0
    scans: int = 0
    coded: bytes = b""
    cut: bool = False
    restarts: bytes = b"\0\0"
    announced: tuple[Span, bytes] | None = None
    idle: set[Piece] = field(default_factory=set)
    exif: bytes = b""
    xmp: bytes = b""
    looked: int = 0
    profile: list[bytes] = field(default_factory=list)
    tables: Tables = field(default_factory=Tables)
    body: list[Piece] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)


def plan(source: Source, keep: Keep) -> Plan:
    """Decide what the new file consists of.

    Raises:
        UnreadablePhotoError: truncated, damaged, or without a picture.
        UnsupportedPhotoError: hierarchical or JPEG-LS, or its profile cannot be rewritten (see `cloak.image.profiles`).
    """
    found = _read(source)
    head, kept = [b"\xff\xd8"], list[str]()
    if found.density is not None:
        head.append(_made(0xE0, b"JFIF\0\1\1\0%b%b\0\0" % tuple(edge.to_bytes(2, "big") for edge in found.density)))
    turned = upright(keep, found.exif, found.xmp)
    if turned.block:
        head.append(_made(0xE1, b"Exif\0\0" + turned.block))
    found.removed |= turned.removed
    kept += turned.kept
    if found.adobe is not None:
        head.append(_made(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([found.adobe])))
    if found.profile:
        tidied = profiles.tidy(_joined(found.profile)) if keep.profile else profiles.REMOVED
        head += _parts(tidied.profile or b"")
        found.removed.update(tidied.removed)
        kept += tidied.kept
    notes = (*turned.notes, *([CUT_OFF] if found.cut else []))
    return Plan((b"".join(head), *merged(found.body)), tuple(found.removed), tuple(kept), notes)


def _read(source: Source) -> _Found:
    finder, found = Finder(source), _Found()
    for segment in _segments(finder, found):
        marker = segment.marker
        if marker == _SOS:
            _scan(finder, segment, found)
        elif marker in _APPS or marker == _COM:
            _describe(source, segment, found)
        elif marker == _EOI:
            found.removed.update(behind(source, segment.end))
            return _ended(found)
        elif not _keep(source, segment, found):
            found.removed.add(f"private segment ({marker:02X})")
    if found.cut:
        return _ended(found)
    raise _damaged("it ends before its end marker")


def _ended(found: _Found) -> _Found:
    """What was found, once the end of the picture was."""
    if not found.scans or not found.lines:
        raise _damaged("no picture in it")
    _forget_interval(found)
    body = [piece for piece in found.body if piece not in found.idle]
    used = [part for piece in body for part in found.tables.written(piece)]
    if sum(map(len, used)) < sum(map(len, body)):
        found.removed.add("tables that nothing uses")
    found.body = [*used, b"\xff\xd9"]
    return found


def _segments(finder: Finder, found: _Found) -> Iterator[_Segment]:
    """Yield the segments, up to the end marker. After a scan goes on where `found.body` ends."""
    position = 2
    for _ in range(_MOST_SEGMENTS):
        start = finder.find(_MARKER, position)
        if start is None:
            return
        marker = finder.byte(start + 1) or 0
        if start > position and not _is_fill(finder.source, position, start):
            found.removed.add(blocks.STRAY)
        position = start + 2
        if marker == _EOI:
            yield _Segment(marker, position, position)
            return
        if marker in _STANDALONE:
            found.removed.add(blocks.STRAY)
            continue
        if marker < 0xC0 or marker == _SOI:
            raise _damaged(f"marker {marker:02x} at byte {start}")
        length = int.from_bytes(finder.source.read(position, 2), "big")
        end = position + length
        if length < 2 or end > finder.source.size:
            raise _damaged(f"a segment of {length} bytes at byte {start}")
        yield _Segment(marker, position + 2, end)
        position = end
        if marker == _SOS:
            last = found.body[-1]
            position = last.end if isinstance(last, Span) else end
    raise _damaged(f"more than {_MOST_SEGMENTS} segments")


def _is_fill(source: Source, start: int, end: int) -> bool:
    """Whether there is nothing but bytes that may stand before any marker."""
    return end - start < 1 << 16 and not source.read(start, end - start).strip(b"\xff")


def _scan(finder: Finder, segment: _Segment, found: _Found) -> None:
    """Keep the header of a scan and its data, up to the next marker that is no restart, without fill bytes."""
    payload = finder.source.read(segment.start, segment.end - segment.start)
    right = payload and 1 <= payload[0] <= 4 and len(payload) == 4 + 2 * payload[0]
    if not right or not set(payload[1:-3:2]) <= set(found.frame[6::3]):
        raise _damaged(f"the header of a scan at byte {segment.start}")
    names = found.frame[6::3]
    found.coded += payload[1:-3:2] if found.kind not in _PROGRESSIVE else b""
    if any(found.coded.count(name) > names.count(name) for name in names):
        raise _damaged(f"a second scan of the same colour at byte {segment.start}: no decoder needs both")
    found.tables.use(found.kind, found.frame, payload)
    if found.announced and found.announced[1] != found.restarts:
        found.restarts, found.announced = found.announced[1], None
    _forget_interval(found)
    stop = finder.find(_SCAN_END, segment.end)
    if stop is None:
        found.cut, stop = True, finder.source.size
    while stop > segment.end and finder.byte(stop - 1) == 0xFF:
        start = max(segment.end, stop - (1 << 16))
        stop = start + len(finder.source.read(start, stop - start).rstrip(b"\xff"))
    if stop == segment.end:
        raise _damaged(f"a scan without data at byte {segment.start}")
    found.scans += 1
    found.body.append(Span(segment.start - 4, stop))


def _forget_interval(found: _Found) -> None:
    """Leave out the interval that was announced: one that no scan uses, or that says nothing new, could be anything."""
    if found.announced:
        found.idle.add(found.announced[0])
        found.removed.add("restart intervals that nothing uses")
    found.announced = None


def _keep(source: Source, segment: _Segment, found: _Found) -> bool:
    """Keep a frame header or tables; return False for what decoders pass over."""
    marker, payload = segment.marker, source.read(segment.start, segment.end - segment.start)
    piece = Span(segment.start - 4, segment.end)
    if marker in _FRAMES:
        if found.frame or len(payload) < 6 or not 1 <= payload[5] <= 4 or len(payload) != 6 + 3 * payload[5]:
            raise _damaged(f"a second frame, or one without its exact size, at byte {segment.start}")
        if not any(payload[3:5]):
            raise _damaged("a picture without a width")
        found.kind, found.frame, found.lines = marker, payload, int.from_bytes(payload[1:3], "big")
    elif marker == _DRI:
        if len(payload) != 2:
            raise _damaged(f"a restart interval without its exact size at byte {segment.start}")
        _forget_interval(found)
        found.announced = piece, payload
    elif marker in {DHT, DQT, DAC}:
        if not payload:
            return False
        if not found.tables.add(piece, marker, payload):
            raise _damaged(f"tables without their exact size at byte {segment.start}")
    elif marker == _DNL:
        if found.lines or found.scans != 1 or len(payload) != 2:
            return False
        found.lines = int.from_bytes(payload, "big")
    elif 0xC0 <= marker <= 0xDF or marker == 0xF7:
        raise UnsupportedPhotoError(
            f"a JPEG of a kind that nothing shows (marker {marker:02x}: hierarchical or JPEG-LS): convert it first"
        )
    else:
        return False
    found.body.append(piece)
    return True


def _describe(source: Source, segment: _Segment, found: _Found) -> None:
    """Take from an application segment or comment what the new file needs, and name what it does not."""
    if segment.marker == _COM:
        found.removed.add(blocks.TEXT)
        return
    number, payload = segment.marker - 0xE0, source.read(segment.start, segment.end - segment.start)
    early = not found.scans
    if number == 0 and payload[:5] == b"JFIF\0" and len(payload) >= 14:
        _read_jfif(payload, found, early=early)
    elif number == 14 and payload[:5] == b"Adobe" and len(payload) >= 12:
        if early:
            found.adobe = payload[11] if payload[11] <= 2 else 1  # decoders take the unknown for this
        if payload[5:11] != b"\0\x64\0\0\0\0" or len(payload) > 12 or payload[11] > 2 or not early:
            found.removed.add("details in the Adobe header")
    elif number == 2 and payload[:12] == b"ICC_PROFILE\0" and early:
        if len(found.profile) <= _MOST_PARTS:
            found.profile.append(payload[12:])
    elif number == 1 and payload[:6] == b"Exif\0\0":
        if early and len(found.exif) < _LARGEST:
            found.exif += payload[6:]
        if payload[6:] not in orientation.BLOCKS:
            found.removed.update(_names(number, payload, found) or {blocks.EXIF})
    else:
        if number == 1 and early and payload[:29] == b"http://ns.adobe.com/xap/1.0/\0":
            found.xmp = found.xmp or payload[29:]
        found.removed.update(_names(number, payload, found))


def _names(number: int, payload: bytes, found: _Found) -> set[str]:
    found.looked += len(payload)
    return set(blocks.in_application(number, memoryview(payload))) if found.looked <= _LOOKED else set()


def _read_jfif(payload: bytes, found: _Found, *, early: bool) -> None:
    density = aspect.ratio(int.from_bytes(payload[8:10], "big"), int.from_bytes(payload[10:12], "big"))
    if len(payload) > 14:
        found.removed.add(blocks.THUMBNAIL)
    if payload[7:12] != b"\0%b%b" % tuple(edge.to_bytes(2, "big") for edge in density):
        found.removed.add(blocks.RESOLUTION)
    if early and found.density is None:
        found.density = density


def _joined(parts: list[bytes]) -> bytes:
    """A profile out of its numbered parts; b"" where decoders find none."""
    ordered = sorted(parts, key=lambda part: part[:1])
    numbers = [(part[0], part[1]) for part in ordered if len(part) > 2]
    complete = numbers == [(number, len(parts)) for number in range(1, len(parts) + 1)]
    return b"".join(part[2:] for part in ordered) if complete else b""


def _parts(profile: bytes) -> list[bytes]:
    parts = [profile[start : start + _PART] for start in range(0, len(profile), _PART)]
    return [_made(0xE2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part) for number, part in enumerate(parts, 1)]


def _made(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def _damaged(what: str) -> UnreadablePhotoError:
    return UnreadablePhotoError(f"JPEG: truncated or damaged ({what}): copy it again from its source")
