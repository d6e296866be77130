"""The protocol buffers wire format, as far as ONNX files and TensorFlow graphs need it.

Source: https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from cloak.errors import WeightsError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_INT64_SIGN = 1 << 63


@dataclass(frozen=True, slots=True)
class Message:
    """One message, split into its fields; nested messages are split when they are asked for.

    An accessor for one value returns the last one, as the format demands, and a default when there is none.

    Attributes:
        fields: field number to its values in file order; a varint as int, everything else as the bytes it occupies.
    """

    fields: Mapping[int, tuple[int | memoryview, ...]]

    @classmethod
    def parse(cls, data: bytes | memoryview) -> "Message":
        """Split `data` into fields.

        Raises:
            WeightsError: a field is truncated, or of a wire type that is not in use.
        """
        fields: dict[int, list[int | memoryview]] = {}
        for number, value in _split(memoryview(data)):
            fields.setdefault(number, []).append(value)
        return cls({number: tuple(values) for number, values in fields.items()})

    def integer(self, number: int, default: int = 0) -> int:
        """Return the signed 64-bit integer in a field."""
        values = self.integers(number)
        return values[-1] if values else default

    def integers(self, number: int) -> list[int]:
        """Return the signed 64-bit integers of a repeated field, packed or not."""
        found: list[int] = []
        for value in self.fields.get(number, ()):
            if isinstance(value, int):
                found.append(_signed(value))
            else:
                position = 0
                while position < len(value):
                    item, position = _varint(value, position)
                    found.append(_signed(item))
        return found

    def data(self, number: int) -> memoryview:
        """Return the bytes of a field, empty when it is absent."""
        views = self._views(number)
        return views[-1] if views else memoryview(b"")

    def joined(self, number: int) -> memoryview:
        """Return the bytes of all values of a repeated fixed-width field, packed or not."""
        views = self._views(number)
        return views[0] if len(views) == 1 else memoryview(b"".join(views))

    def floating(self, number: int) -> float:
        """Return the float32 in a field, zero when it is absent."""
        values = self.floats(number)
        return values[-1] if values else 0.0

    def floats(self, number: int) -> list[float]:
        """Return the float32 values of a field, packed or not."""
        return [float(value) for value in numbers(self.joined(number), torch.float32)]

    def text(self, number: int) -> str:
        """Return the text of a field, empty when it is absent."""
        return _decode(self.data(number))

    def texts(self, number: int) -> list[str]:
        """Return the texts of a repeated field."""
        return [_decode(view) for view in self._views(number)]

    def message(self, number: int) -> "Message":
        """Return the message in a field, one without fields when it is absent."""
        return Message.parse(self.data(number))

    def messages(self, number: int) -> Iterator["Message"]:
        """Yield the messages of a repeated field."""
        for view in self._views(number):
            yield Message.parse(view)

    def _views(self, number: int) -> list[memoryview]:
        views = []
        for value in self.fields.get(number, ()):
            if isinstance(value, int):
                raise WeightsError(
                    f"protobuf field {number} holds a number where bytes belong: not the expected format"
                )
            views.append(value)
        return views


def numbers(data: memoryview, dtype: torch.dtype) -> torch.Tensor:
    """Copy little-endian numbers into a tensor.

    Args:
        data: as many bytes as fill whole numbers.
        dtype: what the numbers are.

    Returns:
        `dtype` (N,), its own memory.

    Raises:
        WeightsError: the bytes end inside a number.
    """
    if len(data) % dtype.itemsize:
        raise WeightsError(f"{len(data)} bytes do not hold whole {dtype} values: the file is damaged")
    if not data:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype)


def shaped(values: torch.Tensor, shape: list[int], what: str) -> torch.Tensor:
    """Give `values` the shape that the file states for them.

    Raises:
        WeightsError: the shape is negative, or holds another number of values.
    """
    count = 1
    for size in shape:
        count *= size
    if any(size < 0 for size in shape) or count != values.numel():
        raise WeightsError(f"{what} is said to be {shape} but holds {values.numel()} values: the file is damaged")
    return values.reshape(shape)


def _split(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if kind == _BYTES:
            length, position = _varint(data, position)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise WeightsError(
                f"protobuf wire type {kind} is not in use: this is not a protobuf file, or it is damaged"
            )
        if length > len(data) - position:
            raise WeightsError(
                f"protobuf field {number} wants {length} bytes, {len(data) - position} are left: truncated"
            )
        yield number, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[position : position + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise WeightsError(
        f"protobuf number at byte {position} does not end: this is not a protobuf file, or it is damaged"
    )


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= _INT64_SIGN else value


def _decode(data: memoryview) -> str:
    try:
        return bytes(data).decode()
    except UnicodeDecodeError as error:
        raise WeightsError(f"protobuf text is not UTF-8: {bytes(data[:20])!r}") from error
