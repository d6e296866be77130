"""The second reader of variable-length codes (LZW), of GIF and of TIFF.

Source: CompuServe, GIF89a, appendix F; TIFF 6.0, section 13.
"""

from collections.abc import Iterator

from cloak.image.fields import MOST, unpack


def ends_with(data: bytes, bits: int, pixels: int, *, tiff: bool = False) -> bool:
    """Whether coded pixels end with the data: the code for the end is its last, and no pixel is more than needed.

    There may be less pixels than needed: then some are missing, but nothing can hide.

    Args:
        data: the codes.
        bits: of a pixel.
        pixels: that the picture has.
        tiff: the first bit of a code is its highest, and codes grow one sooner.
    """
    clear = 1 << bits
    sizes = [1] * clear + [0, 0]  # pixels of each string; the two special codes stand for none
    before = total = 0
    for code, position, width in _codes(data, bits, tiff=tiff):
        if total >= pixels and code != clear + 1:
            return False
        if code == clear:
            del sizes[clear + 2 :]
            before = 0
        elif code == clear + 1:
            return _is_last(data, position + width, tiff=tiff) and total > 0
        else:
            if before and len(sizes) < 4096:
                sizes.append(before + 1)
            if code >= len(sizes):
                return False
            before = sizes[code]
            total += before
    return False


def _codes(data: bytes, bits: int, *, tiff: bool) -> Iterator[tuple[int, int, int]]:
    """Each code, where it begins, and how wide it is: that depends on how many came since the last clear code."""
    clear, position, since = 1 << bits, 0, 0
    while True:
        known = clear + 2 + max(0, since - 1) + tiff
        width = min(12, max(bits + 1, known.bit_length()))
        room = (1 << width) - known if width < 12 else MOST
        numbers = unpack(data, position, min(room, MOST), width, big=tiff)
        if not numbers:
            return
        for number in numbers:
            yield number, position, width
            position += width
            since += 1
            if number == clear:
                since = 0
                if width > bits + 1:
                    break


def _is_last(data: bytes, position: int, *, tiff: bool) -> bool:
    """Whether nothing but zero bits up to the end of the byte follow."""
    if (position + 7) // 8 != len(data):
        return False
    unused = 8 * len(data) - position
    return not data[-1] & ((1 << unused) - 1 if tiff else 0xFF00 >> unused & 0xFF)


__all__ = ["ends_with"]
