"""What a JPEG file may consist of."""

from collections.abc import Callable

from cloak.errors import ResidueError
from cloak.image.icc import DISPLAY_P3
from cloak.image.structure import EOI, SOS, Piece, jpeg_segments

_DQT, _DHT, _DRI, _APP0, _APP2, _APP14 = 0xDB, 0xC4, 0xDD, 0xE0, 0xE2, 0xEE
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_SOI = 0xD8
_ICC = b"ICC_PROFILE\0\x01\x01" + DISPLAY_P3


def scan(data: bytes) -> None:
    """Check a JPEG file: one picture, tables of exact size, a JFIF or Adobe header, the canonical profile.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its segments cannot be followed.
    """
    expected = 0
    frames = 0
    seen: set[int] = set()
    for segment in jpeg_segments(data):
        marker = segment.kind[0] if segment.kind else 0
        if segment.start != expected or (len(segment.payload) == 0) != (marker in {_SOI, EOI}):
            raise ResidueError(f"JPEG: fill bytes or an empty segment at offset {expected}")
        once = marker in {_SOI, _APP0, _APP2, _APP14, _DRI}
        if once and marker in seen:
            raise ResidueError(f"JPEG: marker {marker:02x} is there twice")
        if marker == SOS and segment.end == segment.start + 4 + len(segment.payload):
            raise ResidueError(f"JPEG: a scan without data at offset {expected}")
        if (expected == 0) != (marker == _SOI):
            raise ResidueError("JPEG: it does not start with SOI alone")
        _check(marker, segment)
        seen.add(marker)
        frames += marker in _FRAMES
        expected = segment.end
    if expected != len(data):
        raise ResidueError(f"JPEG: {len(data) - expected} bytes after the end of the image")
    if frames != 1 or SOS not in seen:
        raise ResidueError(f"JPEG: {frames} frames instead of one, or no scan")


def _check(marker: int, segment: Piece) -> None:
    payload = bytes(segment.payload)
    if 0xE0 <= marker <= 0xEF or marker == 0xFE:
        if not _application(marker, payload):
            raise ResidueError(f"JPEG: {_name(marker)} segment at offset {segment.start} ({payload[:16]!r})")
    elif not _structural(marker, payload):
        raise ResidueError(f"JPEG: marker {marker:02x} at offset {segment.start} is unknown or not of its exact size")


def _application(marker: int, payload: bytes) -> bool:
    if marker == _APP0:  # no thumbnail
        return len(payload) == 14 and payload[:6] == b"JFIF\0\x01" and payload[12:] == b"\0\0"
    if marker == _APP2:
        return payload == _ICC
    return marker == _APP14 and len(payload) == 12 and payload[:5] == b"Adobe"


def _structural(marker: int, payload: bytes) -> bool:
    if marker in {_SOI, EOI}:
        return True
    if marker == _DQT:
        return _tables(payload, lambda rest: 1 + (128 if rest[0] >> 4 else 64))
    if marker == _DHT:
        return _tables(payload, lambda rest: 17 + sum(rest[1:17]))
    if marker in _FRAMES:
        return len(payload) >= 6 and 1 <= payload[5] <= 4 and len(payload) == 6 + 3 * payload[5]
    if marker == SOS:
        return 1 <= payload[0] <= 4 and len(payload) == 4 + 2 * payload[0]
    return marker == _DRI and len(payload) == 2


def _tables(payload: bytes, size: Callable[[bytes], int]) -> bool:
    position = 0
    while position < len(payload):
        position += size(payload[position : position + 17])
    return position == len(payload)


def _name(marker: int) -> str:
    return "comment" if marker == 0xFE else f"APP{marker - 0xE0}"
