"""File names: what written files are called, and names as people may read them."""

import os
from enum import StrEnum
from pathlib import PurePath


class NamePolicy(StrEnum):
    """What written files are called."""

    KEEP = "keep"
    RANDOM = "random"


def shown(path: PurePath | str) -> str:
    r"""Return a path as one printable line of valid Unicode, whatever bytes its name is made of.

    Line breaks, control characters and bytes that are not UTF-8 are written as escapes, so that a file name can
    neither break a terminal, a log or a page, nor crash the program that prints it.

    >>> shown("two\nlines.jpg")
    'two\\nlines.jpg'
    >>> shown(b"caf\xe9.jpg".decode("utf-8", "surrogateescape"))
    'caf\\xe9.jpg'
    """
    return "".join(character if character.isprintable() else _escape(character) for character in os.fspath(path))


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python carries a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
