"""File names that clients send: text to show and to suggest, never a path."""

import re
import secrets
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from cloak.container import Container
from cloak.names import NamePolicy
from cloak.targets import SUFFIXES
from cloak.web.protectors import RefusedError

_MOST = 200
"""Bytes of a name: file systems take 255."""

_NO_FILE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
_DEVICES = re.compile(r"^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.I)


def received(header: str | None) -> str:
    """Return the name that a header holds, percent-encoded: its last part, as one printable line.

    Raises:
        RefusedError: it is not encoded, or longer than any name.
    """
    if header and not (header.isascii() and header.isprintable() and " " not in header):
        raise RefusedError(400, "bad_request", "Cloak-Filename must be percent-encoded: printable ASCII, no spaces")
    name = unquote(header or "", errors="replace")
    if len(name) > 1024:
        raise RefusedError(400, "bad_request", f"the file name has {len(name)} characters: send its last part alone")
    return re.sub(r"[^\S ]|[\x00-\x1f\x7f]", "", re.split(r"[/\\]", name)[-1]).strip()


def written(name: str, container: Container, policy: NamePolicy) -> str:
    """Return what a protected file is called: its own name where that can be one, with the suffix of what it is."""
    endings = SUFFIXES[container]
    safe = _NO_FILE.sub("_", name).strip(". ")
    if policy is NamePolicy.RANDOM or not safe:
        return secrets.token_hex(8) + endings[0]
    if _DEVICES.match(safe) or safe.startswith("-"):
        safe = f"_{safe}"
    path = PurePosixPath(safe)
    stem, ending = (path.stem, path.suffix) if path.suffix.lower() in endings else (_stem(path), endings[0])
    return stem.encode()[: _MOST - len(ending.encode())].decode(errors="ignore") + ending


def _stem(path: PurePosixPath) -> str:
    known = {suffix for suffixes in SUFFIXES.values() for suffix in suffixes}
    return path.stem if path.suffix.lower() in known else path.name


def unique(names: Iterable[str]) -> Iterator[str]:
    """Number those that are there already, whatever their case."""
    taken: set[str] = set()
    for name in names:
        path = PurePosixPath(name)
        options = (name if number == 1 else f"{path.stem}-{number}{path.suffix}" for number in count(1))
        free = next(one for one in options if one.casefold() not in taken)
        taken.add(free.casefold())
        yield free


def disposition(name: str) -> str:
    """Return a header that has a browser keep a file under a name, RFC 6266."""
    plain = re.sub(r"[^\w.() -]", "_", name, flags=re.ASCII)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
