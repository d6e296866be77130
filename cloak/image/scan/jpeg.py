"""What a JPEG file may consist of."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import gcd

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer, search
from cloak.image.clean_profile import is_clean
from cloak.image.orientation import BLOCKS
from cloak.image.structure import StructureError

_DHT, _DAC, _SOI, _EOI, _SOS, _DQT, _DNL, _DRI = 0xC4, 0xCC, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB})
_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCB})
_ONCE = frozenset({_APP0, _APP1, _APP14, _DNL, *_FRAMES})
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # anything but a stuffed byte, a restart marker, or one more 0xFF
_ADOBE = b"Adobe\0\x64\0\0\0\0"


@dataclass(slots=True)
class _State:
    """What was seen so far."""

    seen: set[int] = field(default_factory=set)
    components: frozenset[int] = frozenset()
    lines: int = 0
    profile: list[bytes] = field(default_factory=list)
    profile_closed: bool = False


def scan(data: Buffer) -> None:
    """Check a JPEG file: one picture, tables of exact size, headers and profile as we write them, and nothing else.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its segments cannot be followed.
    """
    state = _State()
    end = 0
    for marker, payload, start, stop in _segments(data):
        end = stop
        if marker == _EOI:
            break
        if marker in _ONCE and marker in state.seen:
            raise ResidueError(f"JPEG: marker {marker:02x} is there twice")
        if marker in {_APP0, _APP1, _APP2, _APP14} and state.seen - {_APP0, _APP1, _APP2, _APP14}:
            raise ResidueError(f"JPEG: {_name(marker)} segment at offset {start}, behind tables or pictures")
        _check(state, marker, payload, start)
        state.seen.add(marker)
    if end != len(data):
        raise ResidueError(f"JPEG: {len(data) - end} bytes after the end of the image")
    if _SOS not in state.seen:
        raise ResidueError("JPEG: no frame, or no scan")
    if _DAC in state.seen and not state.seen & _ARITHMETIC:
        raise ResidueError("JPEG: settings for arithmetic coding that nothing uses")
    if state.profile and not _is_profile(state.profile):
        raise ResidueError("JPEG: APP2 segments that are no profile of ours")


def _segments(data: Buffer) -> Iterator[tuple[int, bytes, int, int]]:
    """Yield marker, payload, start, and the end (of the data that follows a scan's header), up to the end marker."""
    if data[:2] != b"\xff\xd8":
        raise StructureError("no start of a JPEG image")
    position = 2
    while True:
        head = data[position : position + 4]
        if len(head) < 2 or head[0] != 0xFF or head[1] < 0xC0:
            raise StructureError(f"no JPEG marker at offset {position}: it ends early, or bytes are in between")
        if head[1] == _EOI:
            yield _EOI, b"", position, position + 2
            return
        size = int.from_bytes(head[2:], "big")
        payload = data[position + 4 : position + 2 + size]
        if len(head) < 4 or size < 3 or len(payload) != size - 2:
            raise StructureError(f"JPEG segment at offset {position} announces {size} bytes")
        end = position + 2 + size
        if head[1] == _SOS:
            end = _scan_end(data, end)
        yield head[1], payload, position, end
        position = end


def _scan_end(data: Buffer, start: int) -> int:
    found = search(_SCAN_END, data, start)
    if found is None:
        raise StructureError("the JPEG file ends in the middle of a scan")
    if found.start() == start or data[found.start() - 1] == 0xFF:
        raise ResidueError(f"JPEG: a scan without data, or fill bytes behind it, at offset {start}")
    return found.start()


def _check(state: _State, marker: int, payload: bytes, start: int) -> None:
    if 0xE0 <= marker <= 0xEF or marker == 0xFE:
        if marker == _APP2 and payload[:12] == b"ICC_PROFILE\0":
            state.profile.append(payload[12:])
        elif not _application(marker, payload):
            raise ResidueError(f"JPEG: {_name(marker)} segment at offset {start} ({payload[:16]!r})")
    elif not _structural(state, marker, payload):
        raise ResidueError(f"JPEG: marker {marker:02x} at offset {start} is unknown or not of its exact size")


def _application(marker: int, payload: bytes) -> bool:
    if marker == _APP0:  # no thumbnail, and of the resolution only the shape of a pixel
        across, down = int.from_bytes(payload[8:10], "big"), int.from_bytes(payload[10:12], "big")
        neutral = 0 < across <= 20 and 0 < down <= 20 and gcd(across, down) == 1
        return payload[:8] == b"JFIF\0\1\1\0" and payload[12:] == b"\0\0" and neutral
    if marker == _APP1:
        return payload[:6] == b"Exif\0\0" and payload[6:] in BLOCKS
    return marker == _APP14 and len(payload) == 12 and payload[:11] == _ADOBE and payload[11] < 3


def _is_profile(parts: list[bytes]) -> bool:
    if len(parts) > 255 or any(part[:2] != bytes([number, len(parts)]) for number, part in enumerate(parts, 1)):
        return False
    return is_clean(b"".join(part[2:] for part in parts))


def _structural(state: _State, marker: int, payload: bytes) -> bool:
    if marker == _DQT:
        return _tables(payload, lambda rest: 1 + (128 if rest[0] >> 4 else 64))
    if marker == _DHT:
        return _tables(payload, lambda rest: 17 + sum(rest[1:17]))
    if marker in _FRAMES:
        return _frame(state, payload)
    if marker == _SOS:
        named = frozenset(payload[1:-3:2])
        return 1 <= payload[0] <= 4 and len(payload) == 4 + 2 * payload[0] and named <= state.components
    if marker == _DNL and (_SOS not in state.seen or state.lines):
        return False  # it says how many lines there are, where the frame does not
    return len(payload) == 2 if marker in {_DRI, _DNL} else marker == _DAC and len(payload) % 2 == 0


def _frame(state: _State, payload: bytes) -> bool:
    if state.components or len(payload) < 9 or not 1 <= payload[5] <= 4 or len(payload) != 6 + 3 * payload[5]:
        return False
    state.components, state.lines = frozenset(payload[6::3]), int.from_bytes(payload[1:3], "big")
    return True


def _tables(payload: bytes, size: Callable[[bytes], int]) -> bool:
    position = 0
    while position < len(payload):
        position += size(payload[position : position + 17])
    return position == len(payload)


def _name(marker: int) -> str:
    return "comment" if marker == 0xFE else f"APP{marker - 0xE0}"
