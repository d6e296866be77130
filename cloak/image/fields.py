"""Unpack numbers of up to 16 bits that lie one behind the other without gaps: many at once, in a few long additions."""

import struct
from functools import lru_cache

MOST = 1024
"""Numbers that are unpacked at once."""

_WIDE = 16
_FEW = 16  # numbers that are faster taken one by one


def unpack(data: bytes, bit: int, count: int, width: int, *, big: bool = False) -> tuple[int, ...]:
    """The numbers from a bit of the data on.

    All of them are one long integer. It is halved again and again, and the upper half of each part moved up, until
    each number has 16 bits to itself.

    Args:
        data: where they are.
        bit: where the first begins.
        count: how many, `MOST` at most; fewer come out where the data ends before.
        width: bits of each.
        big: the first bit is the highest of its byte, as in TIFF; else the lowest, as in GIF.
    """
    count = min(count, (8 * len(data) - bit) // width)
    if count <= 0:
        return ()
    part = data[bit // 8 : (bit + count * width + 7) // 8]
    unused = 8 * len(part) - bit % 8 - count * width
    packed = int.from_bytes(part, "big" if big else "little") >> (unused if big else bit % 8)
    if count <= _FEW:
        mask = (1 << width) - 1
        few = [packed >> place & mask for place in range(0, count * width, width)]
        return tuple(few[::-1] if big else few)
    packed &= (1 << count * width) - 1
    steps, size = _steps((count - 1).bit_length(), width)
    for low, high, shift in steps:
        packed = packed & low | (packed & high) << shift
    numbers = struct.unpack(f"<{size}H", packed.to_bytes(2 * size, "little"))[:count]
    return numbers[::-1] if big else numbers


@lru_cache(maxsize=128)
def _steps(levels: int, width: int) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """For each halving of 2**levels numbers: which bits stay, which move, and by how much; and 2**levels."""
    size = 1 << levels
    steps = []
    for level in reversed(range(levels)):
        half = 1 << level
        one = (1 << half * width) - 1
        low = sum(one << start * _WIDE for start in range(0, size, 2 * half))
        steps.append((low, low << half * width, half * (_WIDE - width)))
    return tuple(steps), size


__all__ = ["MOST", "unpack"]
