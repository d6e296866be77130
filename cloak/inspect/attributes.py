"""Read the extended attributes of a file: by Python where it can (Linux), else by the system's own library (macOS)."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

MOST = 100
"""Attributes of a file that are looked at."""

LARGEST = 1 << 16
"""Bytes of a value, and of all names together, that are read."""

Call = Callable[[ctypes.Array[ctypes.c_char], int], int]
"""Fills a buffer of so many bytes and returns how many it filled, or less than 0."""


def read(path: Path) -> dict[str, bytes]:
    """Names and values; none where the file system has none, or the system is not known."""
    found: dict[str, bytes] = {}
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(path)[:MOST]:
                with contextlib.suppress(OSError):
                    found[name] = os.getxattr(path, name)[:LARGEST]
    elif sys.platform == "darwin":
        with contextlib.suppress(OSError, AttributeError):
            found = _by_library(path)
    return found


def _by_library(path: Path) -> dict[str, bytes]:
    library, place = ctypes.CDLL(None, use_errno=True), os.fsencode(path)
    listed, got = library.listxattr, library.getxattr
    listed.restype = got.restype = ctypes.c_ssize_t
    listed.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
    got.argtypes = (*listed.argtypes[:2], ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_int)
    return collected(
        lambda buffer, size: int(listed(place, buffer, size, 0)),
        lambda name: lambda buffer, size: int(got(place, name, buffer, size, 0, 0)),
    )


def collected(names: Call, value: Callable[[bytes], Call]) -> dict[str, bytes]:
    """Names and values by way of C functions.

    Args:
        names: lists the names, each with a zero byte behind it.
        value: given a name, what reads its value.
    """
    found = {}
    for name in filled(names).split(b"\0")[:MOST]:
        if name:
            found[name.decode("utf-8", "replace")] = filled(value(name))
    return found


def filled(call: Call) -> bytes:
    """What a C function fills a buffer with; b"" where it fails, or has more than is read."""
    buffer = ctypes.create_string_buffer(LARGEST)
    count = call(buffer, LARGEST)
    return buffer.raw[: max(0, count)]


__all__ = ["collected", "filled", "read"]
