"""Walk the chunks of a PNG file, as far as decoders do."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from cloak.errors import UnreadablePhotoError
from cloak.image.strip.base import BLOCK, Source

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST = 1 << 24
"""Bytes of a chunk that is read as a whole, and of what it holds once inflated."""

_MOST_CHUNKS = 200_000
_KIND = re.compile(rb"[A-Za-z]{4}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk with the span of its payload; 8 bytes are in front of it and 4 behind."""

    kind: bytes
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


def chunks(source: Source) -> Iterator[Chunk]:
    """Yield whole chunks, up to and including the last; where the file is cut off or is no PNG any more, it ends.

    Raises:
        UnreadablePhotoError: there are too many of them.
    """
    position = len(SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        if position + 12 > source.size:
            return
        head = source.read(position, 8)
        chunk = Chunk(head[4:], position + 8, position + 8 + int.from_bytes(head[:4], "big"))
        if chunk.end + 4 > source.size or not _KIND.fullmatch(chunk.kind):
            return
        yield chunk
        if chunk.kind == b"IEND":
            return
        position = chunk.end + 4
    raise damaged(f"more than {_MOST_CHUNKS} chunks")


def content(source: Source, chunk: Chunk) -> bytes | None:
    """The payload of a small chunk; None if it is large, or its checksum is wrong."""
    if len(chunk) > LARGEST:
        return None
    data = source.read(chunk.start, len(chunk) + 4)
    return data[:-4] if zlib.crc32(data[:-4], zlib.crc32(chunk.kind)) == int.from_bytes(data[-4:], "big") else None


def checksum(source: Source, start: int, end: int, value: int) -> int:
    """Go on with a CRC over bytes of the file."""
    for position in range(start, end, BLOCK):
        value = zlib.crc32(source.read(position, min(BLOCK, end - position)), value)
    return value


def made(kind: bytes, payload: bytes) -> bytes:
    """A whole chunk."""
    return len(payload).to_bytes(4, "big") + kind + payload + zlib.crc32(payload, zlib.crc32(kind)).to_bytes(4, "big")


def inflated(data: bytes) -> bytes | None:
    """What a small zlib stream holds; None if it is damaged, or holds too much."""
    inflate = zlib.decompressobj()
    try:
        held = inflate.decompress(data, LARGEST)
    except zlib.error:
        return None
    return held if inflate.eof else None


def damaged(what: str) -> UnreadablePhotoError:
    """The error for a file that decoders would not show as a whole."""
    return UnreadablePhotoError(f"PNG: truncated or damaged ({what}): copy it again from its source")
