"""Where pixels end that are coded as by a Group 4 fax: with a code that is nowhere else in them.

Source: ITU-T T.6, 2.4.1.1 (EOFB); TIFF 6.0, section 11.
"""

from collections.abc import Iterable

_END = 2 * ("0" * 11 + "1")


def group4(blocks: Iterable[bytes]) -> int | None:
    """Return how many bytes of a strip, given in blocks, there are up to its end; None if it has none."""
    position, carried = 0, b""
    for block in blocks:
        data = carried + block
        found = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}".find(_END)
        if found >= 0:
            return position + -(-(found + len(_END)) // 8)
        carried = data[-3:]
        position += len(data) - len(carried)
    return None
