"""Whether the bytes of a TIFF page that are not coded are zero where they are no pixels of it."""

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer
from cloak.image.structure import Directory


def check_padding(data: Buffer, page: Directory) -> None:
    """Check the bits behind rows, and those of tiles beyond the edges of the page.

    Args:
        data: the file.
        page: one with as many strips or tiles as it needs, of the sizes that it says.

    Raises:
        ResidueError: one is not zero.
    """

    def number(tag: int, default: int) -> int:
        return (page.integers(tag) or (default,))[0]

    samples, bits = number(277, 1), page.integers(258) or (1,)
    bits = bits[:samples] if len(bits) >= samples else bits[:1] * samples
    planes = bits if number(284, 1) == 2 and samples > 1 else (sum(bits),)
    if number(262, 0) == 6 and samples == 3 and len(planes) == 1:  # pixels share their colours, in blocks
        return
    width, height, tiled = number(256, 0), number(257, 0), bool(page.find(324))
    wide, rows = (number(322, 0), number(323, 0)) if tiled else (width, number(278, height))
    across, down = -(-width // wide), -(-height // rows)
    for index, start in enumerate(page.integers(324 if tiled else 273)):
        plane, place = divmod(index, across * down)
        line, column = divmod(place, across)
        columns, shown = min(wide, width - column * wide), min(rows, height - line * rows)
        stride, used = (wide * planes[plane] + 7) // 8, columns * planes[plane]
        end = start + stride * (rows if tiled else shown)
        edge = start + stride * shown
        if start and (_is_used(data, (start, edge, stride), used, number(266, 1)) or any(data[edge:end])):
            raise ResidueError(f"TIFF: the strip at offset {start} has bits that are no pixels")


def _is_used(data: Buffer, place: tuple[int, int, int], bits: int, order: int) -> bool:
    """Whether a bit behind the pixels of a row is set."""
    start, end, stride = place
    used, more = divmod(bits, 8)
    if used == stride:
        return False
    padding = 0xFF >> more if order == 1 else 0xFF << more & 0xFF
    if more and any(byte & padding for byte in set(data[start + used : end : stride])):
        return True
    behind = used + bool(more)
    return behind < stride and any(any(data[row + behind : row + stride]) for row in range(start, end, stride))


__all__ = ["check_padding"]
