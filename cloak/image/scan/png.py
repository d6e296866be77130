"""What a PNG or APNG file may consist of."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import gcd

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer, windows
from cloak.image.clean_profile import is_clean
from cloak.image.orientation import BLOCKS
from cloak.image.structure import PNG_SIGNATURE, StructureError

_SIZES = {
    **{b"IHDR": 13, b"IEND": 0, b"acTL": 8, b"fcTL": 26, b"pHYs": 9},
    **{b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"cICP": 4, b"mDCV": 24, b"cLLI": 8},
}
_FRONT = frozenset({*_SIZES, b"PLTE", b"tRNS", b"bKGD", b"sBIT", b"iCCP", b"eXIf"}) - {b"IHDR", b"IEND", b"fcTL"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_BLOCK = 1 << 20
_FEED = 1 << 16
_PROFILE_NAME = b"ICC Profile\0\0"
_LARGEST_PROFILE = 1 << 24


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    start: int
    end: int

    @property
    def name(self) -> str:
        return self.kind.decode("latin-1")


@dataclass(slots=True)
class _State:
    """What was seen so far. `stream` takes the pixels that come, `sequence` numbers the next chunk of a frame."""

    header: bytes
    kinds: set[bytes] = field(default_factory=set)
    palette: int = 0
    transfer: int = 0
    announced: int = 0
    frames: int = 0
    sequence: int = 0
    main: bool = False
    previous: bytes = b""
    stream: "_Stream | None" = None


def scan(data: Buffer) -> None:
    """Check a PNG file: known chunks in order, their checksums, and pixel data that ends where the picture does.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its chunks cannot be followed.
    """
    walk = _chunks(data)
    first = next(walk)
    if first.kind != b"IHDR" or first.end - first.start != 13:
        raise ResidueError("PNG: it does not begin with a header")
    state = _State(data[first.start : first.end])
    last = first
    for chunk in walk:
        last = chunk
        _check(data, chunk, state)
        state.previous = chunk.kind
    if state.stream is None or state.frames != state.announced:
        raise ResidueError(f"PNG: no pixels, or {state.frames} frames of {state.announced}")
    state.stream.close()
    _check_colours(state)
    if last.end + 4 != len(data):
        raise ResidueError(f"PNG: {len(data) - last.end - 4} bytes after the end of the image")


def _chunks(data: Buffer) -> Iterator[_Chunk]:
    """Yield the chunks up to and including IEND, each with a checksum that fits."""
    if data[:8] != PNG_SIGNATURE:
        raise StructureError("no PNG signature")
    position = 8
    while True:
        head = data[position : position + 8]
        chunk = _Chunk(head[4:], position + 8, position + 8 + int.from_bytes(head[:4], "big"))
        if len(head) < 8 or chunk.end + 4 > len(data):
            raise StructureError(f"PNG chunk at offset {position} reaches beyond the file")
        value = zlib.crc32(chunk.kind)
        for window in windows(data, chunk.start, chunk.end):
            value = zlib.crc32(window, value)
        if value != int.from_bytes(data[chunk.end : chunk.end + 4], "big"):
            raise ResidueError(f"PNG: the checksum of the {chunk.name} chunk at offset {position} is wrong")
        yield chunk
        if chunk.kind == b"IEND":
            return
        position = chunk.end + 4


def _check(data: Buffer, chunk: _Chunk, state: _State) -> None:
    kind, size = chunk.kind, chunk.end - chunk.start
    if size != _SIZES.get(kind, size):
        raise ResidueError(f"PNG: {chunk.name} chunk of {size} bytes")
    if kind == b"IDAT":
        _check_main(data, chunk, state)
    elif kind in {b"fcTL", b"fdAT"} and state.announced:
        _check_frame(data, chunk, state)
    elif kind in _FRONT:
        if state.stream or state.frames or kind in state.kinds:
            raise ResidueError(f"PNG: {chunk.name} chunk at offset {chunk.start - 8} is repeated or out of order")
        _check_front(data[chunk.start : chunk.end], chunk, state)
        state.kinds.add(kind)
    elif kind != b"IEND":
        raise ResidueError(f"PNG: {chunk.name} chunk at offset {chunk.start - 8}")


def _check_front(payload: bytes, chunk: _Chunk, state: _State) -> None:
    kind, colour = chunk.kind, state.header[9]
    if kind == b"PLTE":
        state.palette = len(payload) // 3
        fits = colour == 3 and not len(payload) % 3 and 0 < state.palette <= 1 << state.header[8]
    elif kind == b"tRNS":
        fits = 0 < len(payload) <= state.palette if colour == 3 else len(payload) == {0: 2, 2: 6}.get(colour)
    elif kind == b"bKGD":
        fits = len(payload) == {0: 2, 4: 2, 2: 6, 3: 1, 6: 6}.get(colour)
    elif kind == b"sBIT":
        fits = len(payload) == {0: 1, 4: 2, 2: 3, 3: 3, 6: 4}.get(colour) and max(payload) <= 16
    elif kind == b"iCCP":
        fits = _is_profile(payload)
    elif kind == b"eXIf":
        fits = payload in BLOCKS
    elif kind == b"pHYs":
        fits = _is_shape(payload)
    else:
        fits = _is_number(kind, payload)
        state.announced = int.from_bytes(payload[:4], "big") if kind == b"acTL" else state.announced
        state.transfer = payload[1] if kind == b"cICP" else state.transfer
    if not fits:
        raise ResidueError(f"PNG: {chunk.name} chunk at offset {chunk.start - 8} is not as we write it")


def _check_colours(state: _State) -> None:
    """Check that colours are described once, and that what is said of a high dynamic range goes with one."""
    ways = [kinds for kinds in ({b"iCCP"}, {b"sRGB"}, {b"gAMA", b"cHRM"}) if kinds & state.kinds]
    if len(ways) > 1 or (state.kinds & {b"mDCV", b"cLLI"} and state.transfer not in {16, 18}):
        raise ResidueError("PNG: numbers of colours that have no effect")


def _is_number(kind: bytes, payload: bytes) -> bool:
    """Whether a chunk of fixed size holds what its name stands for."""
    if kind == b"sRGB":
        return payload[0] < 4
    if kind == b"cHRM":
        return all(number <= 100_000 for number in struct.unpack(">8I", payload))
    return kind != b"acTL" or any(payload[:4])


def _is_shape(payload: bytes) -> bool:
    """Whether a resolution is no more than the shape of a pixel."""
    across, down = int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")
    return 0 < across <= 20 and 0 < down <= 20 and across != down and gcd(across, down) == 1 and not payload[8]


def _is_profile(payload: bytes) -> bool:
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(payload[len(_PROFILE_NAME) :], _LARGEST_PROFILE)
    except zlib.error:
        return False
    return payload.startswith(_PROFILE_NAME) and inflate.eof and not inflate.unused_data and is_clean(profile)


def _check_main(data: Buffer, chunk: _Chunk, state: _State) -> None:
    if not state.main:
        if state.header[9] == 3 and not state.palette:
            raise ResidueError("PNG: no palette")
        state.main = True
        state.stream = _Stream(_raw_size(state.header, state.header))
    elif state.previous != b"IDAT":
        raise ResidueError(f"PNG: IDAT chunk at offset {chunk.start - 8} is out of order")
    if state.stream:
        state.stream.feed(data, chunk.start, chunk.end)


def _check_frame(data: Buffer, chunk: _Chunk, state: _State) -> None:
    if int.from_bytes(data[chunk.start : chunk.start + 4], "big") != state.sequence or chunk.end - chunk.start < 4:
        raise ResidueError(f"PNG: {chunk.name} chunk at offset {chunk.start - 8} is out of order")
    state.sequence += 1
    if chunk.kind == b"fdAT":
        if state.stream is None or not state.main or not state.frames:
            raise ResidueError(f"PNG: fdAT chunk at offset {chunk.start - 8} belongs to no frame")
        state.stream.feed(data, chunk.start + 4, chunk.end)
        return
    control = data[chunk.start + 4 : chunk.end]
    edges = [int.from_bytes(control[place : place + 4], "big") for place in (0, 4, 8, 12)]
    canvas = int.from_bytes(state.header[:4], "big"), int.from_bytes(state.header[4:8], "big")
    if edges[0] + edges[2] > canvas[0] or edges[1] + edges[3] > canvas[1] or control[20] > 2 or control[21] > 1:
        raise ResidueError(f"PNG: a frame at offset {chunk.start - 8} that is not in the standard")
    state.frames += 1
    if state.main and state.stream:
        state.stream.close()
        state.stream = _Stream(_raw_size(control, state.header))
    elif state.frames > 1 or edges != [*canvas, 0, 0]:
        raise ResidueError("PNG: a first frame that is not the picture")


def _raw_size(edges: bytes, header: bytes) -> int:
    width, height = int.from_bytes(edges[:4], "big"), int.from_bytes(edges[4:8], "big")
    depth, colour, compression, filters, interlace = header[8:]
    if colour not in _CHANNELS or depth not in {1, 2, 4, 8, 16} or compression or filters or interlace > 1:
        raise ResidueError("PNG: a header that is not in the standard")
    bits = _CHANNELS[colour] * depth
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = [(-(-(width - left) // across), -(-(height - top) // down)) for left, top, across, down in passes]
    return sum(down * (1 + (across * bits + 7) // 8) for across, down in sizes if across > 0 and down > 0)


class _Stream:
    """The pixels of one picture: they must end where it does."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._size = 0
        self._inflate = zlib.decompressobj()

    def feed(self, data: Buffer, start: int, end: int) -> None:
        """Inflate some more."""
        for position in range(start, end, _FEED):
            rest = data[position : min(end, position + _FEED)]
            if self._inflate.eof:
                raise self._too_long()
            while not self._inflate.eof:
                out = self._inflate.decompress(rest, _BLOCK)
                rest = self._inflate.unconsumed_tail
                self._size += len(out)
                if self._size > self._expected:
                    raise self._too_long()
                if not rest and len(out) < _BLOCK:
                    break

    def close(self) -> None:
        """Check that the picture is complete, and that nothing follows."""
        if not self._inflate.eof or self._inflate.unused_data or self._size != self._expected:
            raise self._too_long()

    def _too_long(self) -> ResidueError:
        return ResidueError(f"PNG: the pixel data does not end where the picture does ({self._expected} bytes)")
