"""The calls that uploads need of an Immich server, with errors of ours.

Source: the API documentation (OpenAPI) of Immich 1.118, 2.7 and 3.0, and the source of its search; where they differ,
the server's version decides.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import httpx

from cloak.errors import CredentialsError, TransferError, UploadError
from cloak.upload.counting import Counted
from cloak.upload.credentials import Secret
from cloak.upload.destinations import anonymous
from cloak.upload.destinations.http import Http

DEVICE = "photo-cloak"
"""What uploads say they come from, in versions that ask."""

_VISIBILITY = (1, 133)
"""The version from which pictures have a visibility; before, they were archived or not."""

_GONE = frozenset({400, 404})
"""Answers to a well-formed number that there is nothing of: which one depends on the call and the version."""


class Server:
    """An Immich server and one of its users."""

    def __init__(self, address: str, key: Secret) -> None:
        self.address = address
        headers = {"x-api-key": key.token("API key"), "Accept": "application/json"}
        self._http = Http(address, words=_words, headers=headers)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    @cached_property
    def version(self) -> tuple[int, int]:
        """Major and minor number of the server's version."""
        said = self._told("GET", "server/version", "ask for the version", ("major", "minor"))
        return int(said["major"]), int(said["minor"])

    @cached_property
    def user(self) -> str:
        """Number of the user whose key it is."""
        return str(self._told("GET", "users/me", "sign in", ("id",))["id"])

    def upload(
        self, name: str, data: bytes, kind: str, told: Callable[[int], object] = lambda _: None
    ) -> tuple[str, bool]:
        """Upload a picture, outside the timeline, which partners of the user may see.

        Args:
            name: of the file.
            data: its content.
            kind: its media type.
            told: called with the number of bytes that have left.

        Returns:
            its number, and whether it was there before: the server keeps one of the same content.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        fields = {"fileCreatedAt": now, "fileModifiedAt": now}
        fields |= {"visibility": "archive"} if self.version >= _VISIBILITY else {"isArchived": "true"}
        if self.version < (3, 0):
            fields |= {"deviceAssetId": name, "deviceId": DEVICE}
        answer = self._told(
            "POST",
            "assets",
            "send a picture",
            ("id", "status"),
            data=fields,
            files={"assetData": (name, Counted(data, told), kind)},
            headers={"x-immich-checksum": hashlib.sha1(data, usedforsecurity=False).hexdigest()},
        )
        return str(answer["id"]), answer["status"] == "duplicate"

    def asset(self, number: str) -> Mapping[str, Any] | None:
        """Return what the server says of a picture, one in the trash included; None if there is none."""
        shown = "visibility" if self.version >= _VISIBILITY else "isArchived"
        found = self._get(f"assets/{number}", "look at a picture", ("checksum", "isTrashed", shown))
        if found is None or shown == "visibility":
            return found
        return {**found, "visibility": "archive" if found[shown] else "timeline"}

    def describe(self, number: str, words: str) -> None:
        """Say what a picture shows."""
        self._call("PUT", f"assets/{number}", "describe a picture", json={"description": words})

    def has_all(self, asset: Mapping[str, Any], data: bytes) -> bool:
        """Whether the server's checksum of a picture is that of some data."""
        expected = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
        return bool(asset["checksum"] == expected)

    def named(self, name: str) -> list[Mapping[str, Any]]:
        """Return the user's pictures of a name, those in the archive and in the trash included.

        A search that does not ask for the archive finds what is in the timeline alone: where a server would put
        pictures that ignores what was asked for.
        """
        places: tuple[dict[str, Any], ...] = ({"withArchived": True},)
        if self.version >= _VISIBILITY:
            places = ({"visibility": "archive"}, {})
        found: list[Mapping[str, Any]] = []
        for place in places:
            body = {"originalFileName": name, "withDeleted": True, "size": 100, **place}
            found += self._told("POST", "search/metadata", "look for a picture", ("assets",), json=body)["assets"][
                "items"
            ]
        return [asset for asset in found if asset["originalFileName"] == name]

    def erase(self, number: str) -> None:
        """Have a picture deleted without a stay in the trash; that takes the server a moment."""
        self._call("DELETE", "assets", "delete a picture", json={"ids": [number], "force": True}, gone=True)

    def albums(self, holding: str = "") -> list[Mapping[str, Any]]:
        """Return the albums that the user sees; with the number of a picture, those that it is in."""
        asked = {"assetId": holding} if holding else {}
        found: list[Mapping[str, Any]] = self._told("GET", "albums", "list albums", params=asked)
        return found

    def new_album(self, name: str, number: str) -> None:
        """Make an album of one picture."""
        self._call("POST", "albums", "make an album", json={"albumName": name, "assetIds": [number]})

    def add_to_album(self, album: str, number: str) -> None:
        """Put a picture into an album."""
        answers = self._told("PUT", f"albums/{album}/assets", "fill an album", json={"ids": [number]})
        for answer in answers:
            if not answer["success"] and answer.get("error") != "duplicate":
                raise TransferError(f"{self.address} did not put the picture into the album: {answer.get('error')}")

    def new_link(self, number: str, password: str, expires: datetime) -> Mapping[str, Any]:
        """Make a link to one picture: with a password, without downloads and metadata, which are on if nobody asks."""
        body = {
            "type": "INDIVIDUAL",
            "assetIds": [number],
            "password": password,
            "expiresAt": expires.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "allowDownload": False,
            "allowUpload": False,
            "showMetadata": False,
        }
        made: Mapping[str, Any] = self._told("POST", "shared-links", "make a link", ("id", "key"), json=body)
        return made

    def link(self, number: str) -> Mapping[str, Any] | None:
        """Return what the server says of a link; None if there is none."""
        return self._get(f"shared-links/{number}", "look at a link", ("expiresAt",))

    def links(self, number: str) -> list[Mapping[str, Any]]:
        """Return the user's links to a picture, but for those to an album that it is in: that says so itself."""
        found: list[Mapping[str, Any]] = self._told("GET", "shared-links", "list links")
        return [link for link in found if any(asset["id"] == number for asset in link["assets"])]

    def erase_link(self, number: str) -> None:
        """Delete a link."""
        self._call("DELETE", f"shared-links/{number}", "delete a link", gone=True)

    def refuses(self, path: str) -> bool:
        """Whether somebody without an account is refused, or told that there is nothing.

        Raises:
            TransientError: the answer says neither yes nor no.
        """
        return anonymous.status_of(f"{self.address}/api/{path}", "see who sees a picture") in {401, 403, 404}

    def _get(self, path: str, doing: str, fields: tuple[str, ...]) -> Mapping[str, Any] | None:
        answer = self._call("GET", path, doing, gone=True)
        if answer.status_code not in _GONE:
            found: Mapping[str, Any] = self._read(answer, doing, fields)
            return found
        self._read(answer, doing, ("message",))
        # a proxy before a server that is down says as well that there is nothing
        if self._told("GET", "users/me", "sign in", ("id",))["id"] != self.user:
            raise TransferError(f"{self.address} answers for another user than before: is that Immich's address?")
        return None

    def _told(self, method: str, path: str, doing: str, fields: tuple[str, ...] = (), **options: Any) -> Any:  # noqa: ANN401 -- JSON
        return self._read(self._call(method, path, doing, **options), doing, fields)

    def _read(self, answer: httpx.Response, doing: str, fields: tuple[str, ...]) -> Any:  # noqa: ANN401 -- JSON
        """Return what an answer says, in words of Immich's own.

        Raises:
            TransferError: it is no JSON or lacks a field.
        """
        try:
            told = answer.json()
            missing = [name for name in fields if name not in told]
        except (ValueError, TypeError):
            missing = ["JSON"]
        if missing:
            raise TransferError(
                f"cannot {doing} on {self.address}: the answer lacks {', '.join(missing)}: is that Immich's address?"
            )
        return told

    def _call(self, method: str, path: str, doing: str, *, gone: bool = False, **options: Any) -> httpx.Response:  # noqa: ANN401 -- httpx's
        """Make a call.

        Args:
            method: of HTTP.
            path: below ``/api/``.
            doing: what for, in people's words.
            gone: whether it is well that there is nothing.
            options: of `httpx.Client.request`.
        """
        accept = _GONE if gone else ()
        try:
            return self._http.call(method, f"{self.address}/api/{path}", doing, accept=accept, **options)
        except CredentialsError as error:
            raise CredentialsError(
                f"{error}; make a new API key, for user.read, asset.read, asset.upload, asset.update and asset.delete, "
                "with album.read, album.create and albumAsset.create for albums and sharedLink.read, sharedLink.create "
                "and sharedLink.delete for links"
            ) from error
        except TransferError as error:
            if "quota" in str(error).lower():
                raise UploadError(f"{error}: delete something there") from error
            raise


def _words(answer: httpx.Response) -> str:
    """Return the server's words for an error, which may be several."""
    try:
        said = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return said if isinstance(said, str) else "; ".join(map(str, said))
