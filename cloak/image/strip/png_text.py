"""Read the text chunks of a PNG file: what to call them, and which way is up where they say so."""

from cloak.image.strip.base import Source
from cloak.image.strip.png_chunks import Chunk, content, inflated

EXIF, XMP = b"Raw profile type exif", b"XML:com.adobe.xmp"
"""Keywords of texts that may say which way is up."""


def read(source: Source, chunk: Chunk) -> tuple[bytes, bytes]:
    """The keyword and the text of a chunk; an empty text where it cannot be read."""
    payload = content(source, chunk)
    if payload is None:
        return source.read(chunk.start, min(len(chunk), 80)).partition(b"\0")[0], b""
    keyword, _, rest = payload.partition(b"\0")
    if chunk.kind == b"tEXt":
        return keyword, rest
    if chunk.kind == b"zTXt":
        return keyword, inflated(rest[1:]) or b""
    packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    return keyword, (inflated(text) or b"") if packed else text


def unpacked(text: bytes) -> bytes:
    """The block in a raw profile: a name, a length, and lines of hexadecimal digits; b"" where it is none."""
    try:
        return bytes.fromhex("".join(text.decode("ascii").split("\n")[3:]))
    except ValueError:
        return b""
