"""What uploads and their folders are called at a destination."""

import hashlib
import secrets
import unicodedata

from cloak.container import Container
from cloak.targets import SUFFIXES

_MOST_BYTES = 200
"""Of a folder's name in UTF-8: common file systems take 255, some encrypted ones 143 characters."""

_RESERVED = '<>:"/\\|?*'
"""What one system or another does not take in names."""


def random_name(container: Container) -> str:
    """Return a name that says nothing about a file but its format: 128 bits from the system, and the usual suffix."""
    return secrets.token_hex(16) + SUFFIXES[container][0]


def folder_name(album: str) -> str:
    """Return an album's name as one folder that every file system takes; the same one each time.

    What cannot stand in a name becomes ``_``, and what is too long is cut; both leave a mark of the whole name, so that
    two albums never share a folder.

    >>> folder_name("Sommer 2026")
    'Sommer 2026'
    >>> folder_name("../etc")
    '_etc-f7f9121f'
    """
    normal = unicodedata.normalize("NFC", album)
    kept = "".join("_" if letter in _RESERVED or not letter.isprintable() else letter for letter in normal).strip(" .")
    if kept and kept == normal and len(kept.encode()) <= _MOST_BYTES:
        return kept
    mark = hashlib.sha256(album.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    cut = kept.encode()[:_MOST_BYTES].decode("utf-8", "ignore").rstrip(" .")
    return f"{cut or 'album'}-{mark}"
