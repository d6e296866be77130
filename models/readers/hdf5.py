"""Read the arrays of an HDF5 file as Keras writes them: float32, in one piece each, in groups of the oldest layout.

Source: HDF5 File Format Specification 3.0, sections II.A (superblock), III.A (B-trees, symbol tables, heaps), IV.A
(object headers and their messages); all of version 0 or 1, with addresses of eight bytes, which is h5py's default.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from cloak.errors import WeightsError
from cloak.models.readers.protobuf import numbers, shaped

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ROOT = 64  # where the superblock has the address of the root's header
_DATASPACE, _DATATYPE, _LAYOUT, _CONTINUATION, _GROUP = 1, 3, 8, 16, 17
# Version and class, bit field, size, then offset, precision, exponent and mantissa: little-endian IEEE 754, 32 bit.
_FLOAT32 = bytes.fromhex("11 201f00 04000000 0000 2000 1708 0017 7f000000")
_CONTIGUOUS = b"\x03\x01"
_MAX_DEPTH = 32
_MAX_NAME = 1024


def read_datasets(path: Path) -> dict[str, torch.Tensor]:
    """Return every array by its path, such as ``model_weights/conv/conv/kernel:0``. Attributes are left out.

    Raises:
        WeightsError: the file is damaged, not HDF5, or uses what this reader does not know.
    """
    try:
        return dict(_File(path.read_bytes()).datasets())
    except (struct.error, WeightsError) as error:
        raise WeightsError(f"{path} is not a readable HDF5 file of plain float32 arrays: {error}") from error


class _File:
    """The bytes, and how much of them may still be visited: a file whose parts refer to each other in circles ends."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._left = 2 * len(data)

    def datasets(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield paths and arrays."""
        if self._bytes(0, 16) != _SIGNATURE + b"\0\0\0\0\0\x08\x08\0":
            raise WeightsError("its superblock is not of version 0 with addresses of eight bytes")
        yield from self._object("", self._fields(_ROOT, "<Q")[0], 0)

    def _object(self, name: str, header: int, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the array, or those in the group, whose header is there."""
        if depth > _MAX_DEPTH:
            raise WeightsError(f"its groups are nested deeper than {_MAX_DEPTH}")
        messages = dict(self._messages(header))
        if _GROUP not in messages:
            yield name, self._array(name, messages)
            return
        tree, heap = struct.unpack_from("<QQ", messages[_GROUP])
        for child, place in self._links(tree, self._heap(heap), depth):
            yield from self._object(f"{name}/{child}" if name else child, place, depth + 1)

    def _messages(self, header: int) -> Iterator[tuple[int, memoryview]]:
        """Yield kind and content of what an object's header says."""
        version, size = self._fields(header, "<B7xI")
        if version != 1:
            raise WeightsError(f"an object's header has version {version}, not 1")
        blocks = [(header + 16, size)]
        for start, length in blocks:
            block, position = self._bytes(start, length), 0
            while position + 8 <= length:
                kind, size = struct.unpack_from("<HH", block, position)
                content = block[position + 8 : position + 8 + size]
                position += 8 + size
                if kind == _CONTINUATION:
                    blocks.append(struct.unpack_from("<QQ", content))
                yield kind, content

    def _heap(self, header: int) -> memoryview:
        """Return the names of a group, each ended by a zero."""
        signature, size, place = self._fields(header, "<4s4xQ8xQ")
        if signature != b"HEAP":
            raise WeightsError(f"there is no heap at byte {header}")
        return self._bytes(place, size)

    def _links(self, node: int, names: memoryview, depth: int) -> Iterator[tuple[str, int]]:
        """Yield the names of a group's members and where their headers are."""
        signature, count = self._fields(node, "<4s2xH")
        if signature == b"SNOD":
            for index in range(count):
                name, header = self._fields(node + 8 + 40 * index, "<QQ24x")
                yield bytes(names[name : name + _MAX_NAME]).partition(b"\0")[0].decode(errors="replace"), header
        elif signature == b"TREE" and depth <= _MAX_DEPTH:
            for index in range(count):
                (child,) = self._fields(node + 32 + 16 * index, "<Q8x")
                yield from self._links(child, names, depth + 1)
        else:
            raise WeightsError(f"there are no members of a group at byte {node}")

    def _array(self, name: str, messages: dict[int, memoryview]) -> torch.Tensor:
        space, kind, layout = (messages.get(key, memoryview(b"")) for key in (_DATASPACE, _DATATYPE, _LAYOUT))
        version, dimensions = struct.unpack_from("<BB", space)
        if version != 1 or kind[: len(_FLOAT32)] != _FLOAT32 or layout[:2] != _CONTIGUOUS:
            raise WeightsError(f"{name} is not float32 in one piece")
        shape = struct.unpack_from(f"<{dimensions}Q", space, 8)
        place, size = struct.unpack_from("<QQ", layout, 2)
        content = self._bytes(place, size) if size else memoryview(b"")  # nothing has no place
        return shaped(numbers(content, torch.float32), list(shape), name)

    def _fields(self, start: int, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self._bytes(start, struct.calcsize(layout)))

    def _bytes(self, start: int, length: int) -> memoryview:
        if start + length > len(self._data):
            raise WeightsError(f"it ends before the {length} bytes at {start}: truncated")
        self._left -= length
        if self._left < 0:
            raise WeightsError("its parts refer to each other in circles, or overlap")
        return self._data[start : start + length]
