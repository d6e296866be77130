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
_ARITHMETIC, _PROGRESSIVE, _LOSSLESS = frozenset({0xC9, 0xCA, 0xCB}), frozenset({0xC2, 0xCA}), frozenset({0xC3, 0xCB})
_TABLES: dict[int, Callable[[bytes], int]] = {
    _DQT: lambda rest: 129 if rest[0] >> 4 else 65,
    _DHT: lambda rest: 17 + sum(rest[1:17]),
    _DAC: lambda _: 2,
}
"""How many bytes a table has, by what it begins with."""
_ONCE = frozenset({_APP0, _APP1, _APP14, _DNL, *_FRAMES})
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # anything but a stuffed byte, a restart marker, or one more 0xFF
_ADOBE = b"Adobe\0\x64\0\0\0\0"


@dataclass(slots=True)
class _State:
    """What was seen so far. `unused` are the tables that no scan used yet, by marker and number.

    `missing` are the colours of the frame that no scan holds yet, where each is in one scan only.
    `restarts` is the restart interval in force, `announced` the one that no scan used yet.
    """

    seen: set[int] = field(default_factory=set)
    frame: bytes = b""
    kind: int = 0
    unused: set[tuple[int, int]] = field(default_factory=set)
    lines: int = 0
    missing: list[int] = field(default_factory=list)
    restarts: bytes = b"\0\0"
    announced: bytes = b""
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
    if state.unused:
        raise ResidueError(f"JPEG: tables that nothing uses (marker {max(state.unused)[0]:02x})")
    if state.announced:
        raise ResidueError("JPEG: a restart interval that nothing uses")
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
    if marker in _TABLES:
        return _tables(state, marker, payload)
    if marker in _FRAMES:
        return _frame(state, marker, payload)
    if marker == _SOS:
        return _scan(state, payload)
    if marker == _DNL and (_SOS not in state.seen or state.lines):
        return False  # it says how many lines there are, where the frame does not
    if marker == _DRI:
        return _restarts(state, payload)
    return len(payload) == 2 and marker == _DNL


def _restarts(state: _State, payload: bytes) -> bool:
    """Check a restart interval: one that no scan uses, or that changes nothing, could be any bytes."""
    if state.announced or payload == state.restarts:
        raise ResidueError("JPEG: a restart interval that nothing uses, or that was in force already")
    state.announced = payload
    return len(payload) == 2


def _frame(state: _State, marker: int, payload: bytes) -> bool:
    if state.frame or len(payload) < 9 or not 1 <= payload[5] <= 4 or len(payload) != 6 + 3 * payload[5]:
        return False
    state.kind, state.frame, state.lines = marker, payload, int.from_bytes(payload[1:3], "big")
    state.missing = [payload[place] for place in range(6, len(payload), 3)]
    return True


def _scan(state: _State, header: bytes) -> bool:
    """Check the header of a scan; the tables that it needs are in use from then on."""
    components = {state.frame[place] for place in range(6, len(state.frame), 3)}
    if not 1 <= header[0] <= 4 or len(header) != 4 + 2 * header[0] or not components.issuperset(header[1:-3:2]):
        return False
    for name in () if state.kind in _PROGRESSIVE else header[1:-3:2]:
        if name not in state.missing:
            raise ResidueError("JPEG: a second scan of the same colour")
        state.missing.remove(name)
    state.restarts, state.announced = state.announced or state.restarts, b""
    first = header[-3]  # coefficient
    coder = _DAC if state.kind in _ARITHMETIC else _DHT
    for name, tables in zip(header[1:-3:2], header[2:-3:2], strict=True):
        places = (place for place in range(6, len(state.frame), 3) if state.frame[place] == name)
        state.unused -= {(_DQT, state.frame[place + 2]) for place in places}
        dc, ac = (coder, tables >> 4), (coder, 0x10 + tables % 16)
        if state.kind in _PROGRESSIVE:  # one kind of coefficients in each scan; DC is made finer without any code
            state.unused -= ({dc} if header[-1] < 16 else set()) if first == 0 else {ac}
        else:
            state.unused -= {dc} if state.kind in _LOSSLESS else {dc, ac}
    return True


def _tables(state: _State, marker: int, payload: bytes) -> bool:
    """Check that a segment consists of whole tables, none of which takes the place of one that nothing used yet."""
    position = 0
    while position < len(payload):
        table = marker, payload[position] & (0x0F if marker == _DQT else 0xFF)
        if table in state.unused:
            raise ResidueError(f"JPEG: a table that nothing uses (marker {marker:02x}), replaced by another")
        state.unused.add(table)
        position += _TABLES[marker](payload[position : position + 17])
    return position == len(payload)


def _name(marker: int) -> str:
    return "comment" if marker == 0xFE else f"APP{marker - 0xE0}"
