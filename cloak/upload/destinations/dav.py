"""The calls that uploads need of a WebDAV server, with errors of ours.

Source: RFC 4918 (WebDAV), RFC 9110 (PUT, HEAD, DELETE).
"""

import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

import httpx

from cloak.errors import CredentialsError, TransferError, UploadError
from cloak.upload.backoff import soon
from cloak.upload.counting import Resent
from cloak.upload.credentials import Secret
from cloak.upload.destinations.http import Http, escaped, link
from cloak.upload.destinations.sign_in import SignIn

_WHAT = b"""<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/></prop></propfind>"""
_SIZE = b"""<?xml version="1.0"?><propfind xmlns="DAV:"><prop><getcontentlength/></prop></propfind>"""

_GONE = frozenset({404, 410})
_NO_LIST = frozenset({405, 501})
"""Answers to PROPFIND of servers that have none, such as nginx with its own module."""
_NO_HEAD = frozenset({403, 405, 501})
"""Answers of servers that do not want to be asked by HEAD: PROPFIND tells then."""


class Dav:
    """A folder on a WebDAV server; paths are relative to it, without a slash at either end.

    Args:
        root: address of the folder.
        user: who signs in.
        password: of the user.
    """

    def __init__(self, root: str, user: str, password: Secret) -> None:
        self.root = root
        self.http = Http(root, SignIn(escaped(f"{root}/"), user, password))
        self._nobody = Http(root)

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()
        self._nobody.close()

    def address(self, path: str) -> str:
        """Return where a file or folder is; with "" for the folder itself."""
        return f"{self.root}/{quote(path, safe='/')}" if path else f"{self.root}/"

    def link(self, path: str) -> str:
        """Return where people find a file."""
        return link(self.address(path))

    def make(self, folder: str) -> None:
        """Make a folder, unless there is one.

        Raises:
            UploadError: the folder that it is to be in does not exist.
        """
        # 405: there is something of that name (RFC 4918, 9.3.1); some servers redirect to the name with a slash then,
        # others say 403 or 409
        try:
            answer = self.http.call("MKCOL", self._folder(folder), "make a folder", accept={301, 405, 409})
        except CredentialsError:
            if not self.there(folder):
                raise
            return
        if answer.status_code == 409 and not self.there(folder):
            raise UploadError(f"cannot make the folder {self.address(folder)}: the one that it is in does not exist")

    def put(
        self,
        path: str,
        data: bytes,
        kind: str,
        headers: dict[str, str],
        told: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Upload a file, in place of what has its name.

        Args:
            path: of the file.
            data: its content.
            kind: its media type.
            headers: more of them.
            told: called with the number of bytes that have left.
        """
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), **headers}
        self.http.call("PUT", self.address(path), "upload", content=Resent(data, told), headers=headers)

    def size(self, path: str) -> int | None:
        """Return how many bytes a file has; None if there is none, -1 where the server does not tell."""
        # not compressed: Content-Length is to be that of the file
        headers = {"Accept-Encoding": "identity"}
        accept = _GONE | _NO_HEAD
        answer = self.http.call("HEAD", self.address(path), "look at a photo", accept=accept, headers=headers)
        if answer.status_code in _GONE:
            return None
        said = answer.headers.get("Content-Length", "")
        if answer.is_success and said.isdecimal():
            return int(said)
        listed = self._listed_size(path)
        return -1 if listed is None and answer.is_success else listed

    def status_for_all(self, path: str) -> int:
        """Return the status that somebody without an account gets for a file.

        Raises:
            TransientError: the answer says neither yes nor no.
        """
        accept = set(range(300, 500)) - {408, 429}
        headers = {"Range": "bytes=0-0"}
        answer = self._nobody.call("GET", self.address(path), "ask who sees a photo", accept=accept, headers=headers)
        return answer.status_code

    def there(self, folder: str = "") -> bool:
        """Whether there is the folder, or one in it.

        Raises:
            UploadError: what answers is something else, such as the page of a hotel.
        """
        answer = self._asked(folder)
        if answer.status_code in _NO_LIST:
            address, accept = self._folder(folder), _GONE | _NO_HEAD
            return self.http.call("HEAD", address, "look at the folder", accept=accept).status_code not in _GONE
        if answer.is_success and answer.status_code != 207 and b"multistatus" not in answer.content:
            raise UploadError(f"{self._folder(folder)} does not speak WebDAV: check the address and the network")
        return answer.is_success

    def lists(self) -> bool:
        """Whether the server tells what is in a folder."""
        return self._asked("").status_code not in _NO_LIST

    def names(self, address: str, *, folders: bool = False) -> list[str]:
        """Return the names of what is in a folder; [] if there is no such folder.

        Args:
            address: of the folder.
            folders: those of folders only; none where the server tells of none, which gets none (see `WebDav`).

        Raises:
            TransferError: the answer is not understood.
        """
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        answer = self.http.call(
            "PROPFIND",
            address,
            "look into a folder",
            accept=_GONE | _NO_LIST if folders else _GONE,
            content=_WHAT,
            headers=headers,
        )
        if not answer.is_success:
            return []
        if b"<!DOCTYPE" in answer.content:  # WebDAV has none, and entities can be made to fill the memory
            raise TransferError(f"{address} does not speak WebDAV: check the address")
        try:
            found = ElementTree.fromstring(answer.content).iterfind("{DAV:}response")  # noqa: S314 -- see above
            paths = [
                unquote(urlsplit(one.findtext("{DAV:}href", "")).path).rstrip("/")
                for one in found
                if not folders or one.find(".//{DAV:}resourcetype/{DAV:}collection") is not None
            ]
        except (ElementTree.ParseError, ValueError) as error:
            raise TransferError(f"{address} does not speak WebDAV: check the address") from error
        itself = unquote(urlsplit(address).path).rstrip("/")
        return [path.rpartition("/")[2] for path in paths if path != itself]

    def delete(self, path: str) -> None:
        """Delete a file, and see that it is gone.

        Raises:
            TransferError: it is still there.
        """
        self.http.call("DELETE", self.address(path), "delete a photo", accept=_GONE)
        if soon(lambda: self.size(path), lambda size: size is None) is not None:
            raise TransferError(f"{self.address(path)} is still there after it was deleted")

    def _asked(self, folder: str) -> httpx.Response:
        """Return the answer to PROPFIND of a folder."""
        return self.http.call(
            "PROPFIND",
            self._folder(folder),
            "look into the folder",
            accept=_GONE | _NO_LIST,
            content=_WHAT,
            headers={"Depth": "0", "Content-Type": "application/xml"},
        )

    def _listed_size(self, path: str) -> int | None:
        """Return how many bytes a file has by its properties; None if there is none, -1 where nobody tells."""
        headers = {"Depth": "0", "Content-Type": "application/xml"}
        answer = self.http.call(
            "PROPFIND", self.address(path), "look at a photo", accept={404, 405, 410}, content=_SIZE, headers=headers
        )
        if answer.status_code in _GONE:
            return None
        said = re.search(rb"getcontentlength[^<>]*>\s*(\d+)\s*<", answer.content)
        return int(said[1]) if answer.is_success and said else -1

    def _folder(self, folder: str) -> str:
        return self.address(folder).rstrip("/") + "/"
