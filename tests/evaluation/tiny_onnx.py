"""Write the smallest ONNX file that is a recogniser: mean colours of a face. By hand, since nothing else needs onnx."""

import struct
from pathlib import Path


def _field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _tensor(name: str, shape: list[int | str]) -> bytes:
    sides = b"".join(_field(1, _field(1, s) if isinstance(s, int) else _field(2, s.encode())) for s in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, 1) + _field(2, sides)))


def _node(kind: str, source: str, result: str) -> bytes:
    return _field(1, source.encode()) + _field(2, result.encode()) + _field(4, kind.encode())


def _outside(name: str, file: str) -> bytes:
    """Return three weights that lie in a file beside."""
    where = _field(1, b"location") + _field(2, file.encode())
    dims = b"".join(_field(1, side) for side in (1, 3, 1, 1))
    return dims + _field(2, 1) + _field(8, name.encode()) + _field(13, where) + _field(14, 1)


def write_onnx(
    path: Path,
    *,
    shape: tuple[int | str, ...] = ("n", 3, 112, 112),
    flat: bool = True,
    weights: tuple[float, float, float] | None = None,
) -> Path:
    """Write a network: global average pooling, then, if `flat`, (N, 3) of it; times weights in a file of their own."""
    nodes = _field(1, _node("GlobalAveragePool", "faces", "pooled" if weights else "means"))
    if weights:
        beside = path.with_suffix(".onnx.data")
        beside.write_bytes(struct.pack("<3f", *weights))
        nodes += _field(1, _field(1, b"pooled") + _node("Mul", "weights", "means"))
        nodes += _field(5, _outside("weights", beside.name))
    if flat:
        nodes += _field(1, _node("Flatten", "means", "embedding"))
    result = _tensor("embedding", ["n", 3]) if flat else _tensor("means", ["n", 3, 1, 1])
    graph = nodes + _field(2, b"tiny") + _field(11, _tensor("faces", list(shape))) + _field(12, result)
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(2, 13)))
    return path
