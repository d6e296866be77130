"""Which parts of an upload are pictures: by their content, and by what they say they are."""

import mimetypes
import re
from enum import Enum, auto

from cloak.container import ENCODED
from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.sniff import HEAD, recognise
from cloak.web.multipart import Part

_DRAWING = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>]*>)*<(?:\w+:)?svg\b", re.S | re.I)
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_DOCUMENTS = (b"%PDF",)
_REFUSED = "cannot be protected: send a JPEG, PNG, WebP, AVIF, HEIC or TIFF"
_OTHERS = (  # pictures that `recognise` does not know, and that applications may decode
    b"DDS ",
    b"icns",
    b"v/1\x01",
    b"\x59\xa6\x6a\x95",
    b"\xd7\xcd\xc6\x9a",
    b"BPG\xfb",
    b"II\xbc\x01",
    b"\x0a\x05\x01\x08",
    b"\x1aE\xdf\xa3",  # a film: Matroska, WebM
)


class Kind(Enum):
    """What is done with a part."""

    PHOTO = auto()
    OTHER = auto()


def kind_of(part: Part, *, photo_wanted: bool) -> Kind:
    """Tell whether a part is a photo.

    Args:
        part: of a form.
        photo_wanted: nothing but a photo may be in it.

    Raises:
        UnreadablePhotoError: it says that it is a picture, or should be one, and is none.
        UnsupportedPhotoError: it is a picture of a kind that cannot be protected, or a film.
    """
    if not part.body and not any(part.file_names):
        return Kind.OTHER  # how browsers send a form in which no file was chosen
    types = [part.header(b"content-type") or b""]
    types += [(mimetypes.guess_type(name, strict=False)[0] or "").encode() for name in part.file_names]
    said = any(kind.strip().lower().startswith(b"image/") for kind in types)
    return kind_of_bytes(part.body, photo_wanted=photo_wanted or said)


def kind_of_bytes(body: bytes | bytearray, *, photo_wanted: bool) -> Kind:
    """Tell whether bytes are a photo; see `kind_of`."""
    head = bytes(body[:HEAD])
    if _DRAWING.match(head):
        raise UnsupportedPhotoError(f"a drawing (SVG) {_REFUSED}")
    if _is_text(body) or head.startswith(_DOCUMENTS):
        if photo_wanted:
            raise UnreadablePhotoError(f"what is said to be a photo {_REFUSED}")
        return Kind.OTHER
    if head.startswith(_OTHERS) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        raise UnsupportedPhotoError(f"a picture or film of this kind {_REFUSED}")
    try:
        container = recognise(head)
    except UnreadablePhotoError:
        if photo_wanted:
            raise
        return Kind.OTHER
    if container not in ENCODED:
        raise UnsupportedPhotoError(f"a picture of the kind {container} {_REFUSED}")
    return Kind.PHOTO


def _is_text(body: bytes | bytearray) -> bool:
    """Whether all of it can be read, unlike any picture here: a note that begins with BM is no bitmap."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not _NO_TEXT.search(body)
