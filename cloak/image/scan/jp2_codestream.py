"""What a JPEG 2000 codestream may consist of.

Nothing is said twice, and no segment is longer than what it says: decoders pass over the rest.
"""

from dataclasses import dataclass, field

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer
from cloak.image.structure import StructureError

_CAP, _SIZ, _COD, _COC, _QCD, _QCC, _RGN, _POC = 0x50, 0x51, 0x52, 0x53, 0x5C, 0x5D, 0x5E, 0x5F
_PACKED_MAIN, _PACKED_PART = 0x60, 0x61
_CODING = frozenset({_COD, _COC, _QCD, _QCC, _RGN, _POC})
_MAIN = _CODING | {_SIZ, _CAP, _PACKED_MAIN}
_PART = _CODING | {_PACKED_PART}
_SOT, _SOD = 0x90, 0x93


@dataclass(slots=True)
class _State:
    """How many components there are, and how many levels the main header gives to any of them."""

    components: int
    levels: set[int] = field(default_factory=set)

    @property
    def wide(self) -> int:
        """Bytes in the number of a component."""
        return 2 if self.components > 256 else 1


def codestream(data: Buffer, position: int) -> int:
    """Check a codestream that goes to the end; return how many components the picture has.

    Raises:
        ResidueError: anything else is in it.
        StructureError: it cannot be followed.
    """
    if data[position : position + 4] != b"\xff\x4f\xff\x51":
        raise StructureError("no start of a JPEG 2000 codestream")
    state = _State(int.from_bytes(data[position + 40 : position + 42], "big"))
    position, state.levels = _segments(data, position + 2, len(data), _SOT, state)
    parts = 0
    while data[position : position + 2] == b"\xff\x90":
        size = int.from_bytes(data[position + 6 : position + 10], "big")
        stop = position + size
        if data[position + 2 : position + 4] != b"\0\x0a" or size < 14 or stop > len(data):
            raise StructureError(f"a part of {size} bytes at offset {position}")
        _segments(data, position + 12, stop, _SOD, state)
        position = stop
        parts += 1
    if not parts or data[position:] != b"\xff\xd9":
        raise ResidueError(f"JPEG 2000: no parts, or bytes behind them, at offset {position}")
    return state.components


def _segments(data: Buffer, position: int, stop: int, last: int, state: _State) -> tuple[int, set[int]]:
    """Check the segments of a header, up to the marker that follows it.

    Returns:
        The offset of that marker, and the levels that this and earlier headers give.
    """
    found: list[tuple[int, bytes]] = []
    known = _MAIN if last == _SOT else _PART
    while True:
        head = data[position : position + 2]
        if position + 2 > stop or head[0] != 0xFF:
            raise StructureError(f"no marker at offset {position}")
        if head[1] == last:
            break
        size = int.from_bytes(data[position + 2 : position + 4], "big")
        if size < 2 or position + 2 + size > stop:
            raise StructureError(f"a segment of {size} bytes at offset {position}")
        if head[1] not in known:
            raise ResidueError(f"JPEG 2000: marker {head[1]:02x} at offset {position} is unknown")
        if head[1] not in {_PACKED_MAIN, _PACKED_PART}:
            found.append((head[1], bytes(data[position + 4 : position + 2 + size])))
        position += 2 + size
    names = [(marker, payload[: state.wide] if marker in {_COC, _QCC, _RGN} else b"") for marker, payload in found]
    if len(set(names)) < len(names) or any(int.from_bytes(name, "big") >= state.components for _, name in names):
        raise ResidueError(f"JPEG 2000: a header that says something twice, before offset {position}")
    levels = state.levels.union(*(_levels(marker, payload, state) for marker, payload in found))
    for marker, payload in found:
        if not _is_exact(marker, payload, state, levels):
            raise ResidueError(f"JPEG 2000: marker {marker:02x} before offset {position} has a wrong size")
    return position, levels


def _levels(marker: int, payload: bytes, state: _State) -> bytes:
    if marker == _COD:
        return payload[5:6]
    return payload[state.wide + 1 : state.wide + 2] if marker == _COC else b""


def _is_exact(marker: int, payload: bytes, state: _State, levels: set[int]) -> bool:
    """Whether a segment has the size that follows from its content, and from the levels of the picture."""
    size, name = len(payload), state.wide
    if marker in {_QCD, _QCC}:
        return _is_quantisation(payload[name:] if marker == _QCC else payload, levels)
    if marker in {_COD, _COC}:  # with the sizes of precincts, one for each resolution
        fixed, style, count = (10, 0, 5) if marker == _COD else (name + 6, name, name + 1)
        return size >= fixed and size == fixed + (1 + payload[count] if payload[style] & 1 else 0)
    if marker == _POC:
        return size > 0 and size % (5 + 2 * name) == 0
    capabilities = 4 + 2 * int.from_bytes(payload[:4], "big").bit_count()  # two bytes for each part that is set
    return size == {_SIZ: 36 + 3 * state.components, _CAP: capabilities, _RGN: name + 2}[marker]


def _is_quantisation(payload: bytes, levels: set[int]) -> bool:
    bands = {3 * count + 1 for count in levels if count <= 32}
    style, size = payload[0] & 31 if payload else 3, len(payload) - 1
    if style == 1:
        return size == 2  # all follow from the first
    return size in bands if style == 0 else style == 2 and size / 2 in bands


__all__ = ["codestream"]
