"""Folders that may be anywhere: in a bucket, on another machine, wherever fsspec reaches.

Credentials and endpoints are fsspec's own affair: environment variables, its configuration, instance roles.
"""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from cloak.errors import MissingExtraError, TooLargeError, UnreadablePhotoError, UsageError, WriteError
from cloak.names import shown

OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci"})
"""Where one request puts a whole object or none. Elsewhere a file is written under another name, then moved."""

HIDDEN = ".cloak-album"
"""The folder in an output folder that is ours: records, and files that are being written."""

TRIES = 6
PAUSE = 0.2
"""Seconds before the second try; twice as long before each further one."""

_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_Made = TypeVar("_Made")


class Address(type(Path())):  # type: ignore[misc]  # the concrete class, which alone can be subclassed before 3.12
    """An URL where people's eyes and summaries expect a path; it is to be shown, and opens nothing."""

    _url: str

    def __new__(cls, url: str) -> Self:
        """Keep the URL as it is: a path would take two slashes for one."""
        made: Self = super().__new__(cls, url)
        made._url = url
        return made

    def __init__(self, url: str) -> None:
        if hasattr(Path, "with_segments"):  # 3.12 and later
            super().__init__(url)

    def __str__(self) -> str:
        return self._url

    def __fspath__(self) -> str:
        return self._url

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._url,)


def is_url(text: str | os.PathLike[str]) -> bool:
    """Say whether this names a place by its URL; the drive of a Windows path has one letter only."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", os.fspath(text)) is not None


@dataclass(frozen=True, slots=True)
class Stored:
    """What a place says of a file: its size, and its ETag where it has one, which often is the MD5 of the content."""

    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Mark:
    """How a file is known again: by size and MD5 where the place can tell those, by a keyed hash where not."""

    hash: str
    md5: str
    size: int

    @classmethod
    def of(cls, data: bytes, salt: bytes) -> "Mark":
        """Return that of some content."""
        keyed = hashlib.blake2b(data, key=salt, digest_size=32).hexdigest()
        return cls(keyed, hashlib.md5(data, usedforsecurity=False).hexdigest(), len(data))


class Place:
    """A folder that is named by its URL; threads may use it at the same time.

    Args:
        url: what fsspec understands: ``s3://bucket/album``, ``file:///mnt/album``, ``memory://album`` ...

    Raises:
        UsageError: there is no such kind of place, or a password is part of the URL.
        MissingExtraError: fsspec is not installed.
    """

    def __init__(self, url: str) -> None:
        if urlsplit(url).password:
            raise UsageError("passwords do not belong into commands, which others see: use fsspec's configuration")
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 -- an extra
        except ImportError as error:
            raise MissingExtraError("photos at URLs", "ray") from error
        self.url = url.rstrip("/")
        try:
            self._system, root = url_to_fs(self.url, use_listings_cache=False, skip_instance_cache=True)
        except (ImportError, ValueError) as error:
            raise UsageError(f"{shown(url)} cannot be used: {error}") from error
        self._root = root.rstrip("/")
        self._atomic = self.scheme in OBJECT_STORES

    @property
    def scheme(self) -> str:
        """The kind of place: "s3"."""
        return self.url.partition("://")[0].lower()

    def files(self) -> Iterator[tuple[str, int]]:
        """Yield name and size in bytes of every file below this folder, by name; of a file, its own.

        Raises:
            UsageError: it cannot be listed.
        """
        return ((name, stored.size) for name, stored in self.listing())

    def listing(self) -> Iterator[tuple[str, Stored]]:
        """Yield name and what is known of every file below this folder, by name; of a file, its own.

        Raises:
            UsageError: it cannot be listed.
        """
        try:
            found = self._attempt(lambda: self._system.find(self._root, detail=True))
        except Exception as error:  # whatever a kind of place raises
            raise UsageError(f"{shown(self.url)} cannot be listed: {reason(error)}") from error
        for path, about in sorted(found.items()):
            below = path[len(self._root) :].lstrip("/") if path.startswith(self._root) else path
            yield below, _stored(about)

    def read(self, name: str, *, max_bytes: int, size: int = 0) -> bytes:
        """Read a whole file.

        Args:
            name: its path below this folder; "" where the URL is that of a file.
            max_bytes: no more than this.
            size: what it is said to have.

        Raises:
            UnreadablePhotoError: it is not there, or cannot be had in several attempts.
            TooLargeError: it is longer than `max_bytes`.
        """
        if size > max_bytes:
            raise TooLargeError(f"{size:,} bytes, more than {max_bytes:,}: raise --max-pixels to allow it")
        try:
            return bytes(self._attempt(lambda: self._system.cat_file(self._path(name))))
        except Exception as error:  # whatever a kind of place raises
            raise UnreadablePhotoError(f"cannot be read: {reason(error)}") from error

    def find(self, name: str) -> bytes | None:
        """Return the content of a small file, None where there is none.

        Raises:
            WriteError: that cannot be told.
        """
        return self._found(name, lambda: bytes(self._system.cat_file(self._path(name))))

    def look(self, name: str) -> Stored | None:
        """Return what is known of a file, None where there is none.

        Raises:
            WriteError: that cannot be told.
        """
        about = self._found(name, lambda: self._system.info(self._path(name)))
        if about is None or about.get("type") == "directory":
            return None
        return _stored(about)

    def is_still(self, name: str, mark: Mark | None, salt: bytes) -> bool:
        """Say whether a file has this very content; it is read where the place does not tell."""
        stored = self.look(name) if mark else None
        if mark is None or stored is None or stored.size != mark.size:
            return False
        if stored.etag == mark.md5:
            return True
        data = self.find(name)  # encrypted or large objects have other ETags: that says nothing
        return data is not None and Mark.of(data, salt) == mark

    def write(self, name: str, data: bytes, *, salt: bytes = b"") -> None:
        """Write a file, which gets its name when it is complete, and look whether it is as it should be.

        Raises:
            WriteError: it could not be written in several attempts; what was there before still is.
        """
        try:
            self._attempt(lambda: self._put(name, data))
        except Exception as error:  # whatever a kind of place raises
            raise WriteError(f"cannot write {shown(name)}: {reason(error)}") from error
        if not self.is_still(name, Mark.of(data, salt), salt):
            raise WriteError(f"{shown(name)} is not as it was written: it was changed meanwhile, or damaged on its way")

    def _put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        if self._atomic:
            self._system.pipe_file(path, data)
            return
        temporary = self._path(f"{HIDDEN}/{secrets.token_hex(8)}.part")
        for folder in {str(PurePosixPath(each).parent) for each in (path, temporary)}:
            self._system.makedirs(folder, exist_ok=True)
        try:
            self._system.pipe_file(temporary, data)
            self._system.mv(temporary, path)
        except BaseException:
            with suppress(OSError):
                self._system.rm_file(temporary)
            raise

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _found(self, name: str, work: Callable[[], _Made]) -> _Made | None:
        try:
            return self._attempt(work)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:  # whatever a kind of place raises
            raise WriteError(f"cannot look at {shown(name)}: {reason(error)}") from error

    def _attempt(self, work: Callable[[], _Made]) -> _Made:
        """Do something that a network may fail at, several times if need be."""
        attempt = 0
        while True:
            try:
                return work()
            except _FINAL:
                raise
            except Exception:  # whatever a kind of place raises
                if attempt == TRIES - 1:
                    raise
            time.sleep(PAUSE * 2**attempt)
            attempt += 1


def _stored(about: Mapping[str, Any]) -> Stored:
    return Stored(int(about.get("size") or 0), str(about.get("ETag") or "").strip('"'))


def reason(error: Exception) -> str:
    """Say in one line what a place had against something."""
    known: tuple[tuple[type[Exception], str], ...] = (
        (FileNotFoundError, "no such file, folder or bucket"),
        (PermissionError, "permission denied: look at the credentials, and at what they may do"),
    )
    told: Any = next((text for kind, text in known if isinstance(error, kind)), None)
    return told or shown(f"{type(error).__name__}: {error}"[:300])
