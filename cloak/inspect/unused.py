"""Bytes of a file that no part of it refers to. Zeros are padding, and do not count."""

from collections.abc import Iterable, Iterator

from cloak.image.buffers import Buffer, windows
from cloak.inspect.finding import Harm, Notes

Span = tuple[int, int]
"""Offsets of the first byte, and after the last."""


def filled(data: Buffer, start: int, end: int) -> bool:
    """Whether anything but zeros lies there."""
    return any(bytes(window).strip(b"\0") for window in windows(data, start, end))


def gaps(data: Buffer, start: int, end: int, spans: Iterable[Span]) -> Iterator[Span]:
    """Yield what of a part of a file lies outside all spans, where it is not all zero.

    Args:
        data: the file.
        start: of the part.
        end: of the part.
        spans: sorted.
    """
    last = start
    for first, after in [*spans, (end, end)]:
        stop = min(first, end)
        if stop > last and filled(data, last, stop):
            yield last, stop
        last = max(last, after)


def tell(count: int, notes: Notes) -> None:
    """Say how many there are."""
    if count:
        notes.say(Harm.TRAVELS, "bytes that nothing uses", f"{count:,} bytes", source="file")


__all__ = ["Span", "filled", "gaps", "tell"]
