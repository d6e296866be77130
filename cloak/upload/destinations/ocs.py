"""The calls that uploads need of Nextcloud beside WebDAV: shares by OCS, and the trash bin.

Source: Nextcloud's developer manual, "OCS Share API", "OCS APIs overview" and "Trashbin".
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

import httpx

from cloak.errors import TransferError, UploadError
from cloak.upload.credentials import Secret
from cloak.upload.destinations.anonymous import unlogged
from cloak.upload.destinations.dav import Dav
from cloak.upload.destinations.http import Http, connections, unreachable

LINK = 3
"""The type of a share that is a link."""

MAIL = 4
"""That of one that is a link, too, which was sent to somebody."""

_WELL = frozenset({100, 200})
"""What answers say where all is well, in either version of OCS; some proxies make 200 of every status of HTTP."""

_FIRST = 15
"""The version of Nextcloud whose trash bin is as it is asked for here; ownCloud says that it is 10."""

READ = 1
RESHARE = 16
"""Permissions. Nextcloud adds the second to the first where links may be added to other clouds."""


class Cloud:
    """The shares and the trash bin of a user.

    Args:
        server: address of Nextcloud.
        user: who signs in.
        password: of the user, best one made for this program.
    """

    def __init__(self, server: str, user: str, password: Secret) -> None:
        self._server = server
        self._known = False
        self._shares = f"{server}/ocs/v2.php/apps/files_sharing/api/v1/shares"
        self._trash = f"{server}/remote.php/dav/trashbin/{quote(user, safe='')}/trash"
        self._dav = Dav(self._trash, user, password)
        headers = {"OCS-APIRequest": "true", "Accept": "application/json"}
        self._http = Http(server, httpx.BasicAuth(user, password.reveal()), words=_words, headers=headers)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()
        self._dav.close()

    def check(self) -> None:
        """See that it is a Nextcloud: what is like one has another trash bin, in which photos would stay.

        Raises:
            UploadError: it is another program, such as ownCloud.
        """
        if self._known:
            return
        asked = f"{self._server}/ocs/v2.php/cloud/capabilities"
        told = _data(self._http.call("GET", asked, "ask for the version", accept={404}))
        try:
            major, said = int(told["version"]["major"]), told["version"].get("string", "")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UploadError(f"{self._server} does not say that it is Nextcloud: check the address") from error
        if major < _FIRST:
            raise UploadError(
                f"{self._server} is no Nextcloud from {_FIRST} on: it says version {said or major}, as ownCloud does, "
                "whose shares and trash bin are not known here: choose another destination"
            )
        self._known = True

    def shares(self, path: str) -> list[Mapping[str, Any]]:
        """Return the shares of a file or folder; [] if there is none.

        Args:
            path: from the user's own folder, with a slash before it.
        """
        asked = {"path": path, "reshares": "true"}  # also those that others made of what is the user's
        answer = self._http.call("GET", self._shares, "list shares", accept={404}, params=asked)
        found = _data(answer) or []
        if not isinstance(found, list):
            raise TransferError("cannot list shares: the server's answer is not understood")
        return found

    def share(self, path: str, password: str, ends: date | None) -> str:
        """Make a link to a file, for reading only.

        Args:
            path: from the user's own folder, with a slash before it.
            password: that it asks for.
            ends: day on which it stops; None for never, or as the server has it by default.

        Returns:
            its number.
        """
        fields = {"path": path, "shareType": str(LINK), "permissions": str(READ), "password": password}
        if ends:
            fields["expireDate"] = ends.isoformat()
        made = _data(self._http.call("POST", self._shares, "make a link", data=fields))
        if not isinstance(made, dict) or "id" not in made:
            raise TransferError("cannot make a link: the server's answer is not understood")
        return str(made["id"])

    def link(self, number: str) -> Mapping[str, Any] | None:
        """Return what the server says of a share; None if there is none."""
        answer = self._http.call("GET", f"{self._shares}/{quote(number, safe='')}", "look at a link", accept={404})
        found = _data(answer)
        if not found:
            return None
        found = found[0] if isinstance(found, list) else found  # a list of one, in most versions
        if not isinstance(found, dict):
            raise TransferError("cannot look at a link: the server's answer is not understood")
        return found

    def unshare(self, number: str) -> None:
        """Delete a share."""
        self._http.call("DELETE", f"{self._shares}/{quote(number, safe='')}", "delete a link", accept={404})

    def trashed(self, name: str) -> list[str]:
        """Return what the trash bin calls the files of a name in it: the name, and a time."""
        self.check()  # or a trash bin that is somewhere else would be taken for an empty one
        return [one for one in self._dav.names(f"{self._trash}/") if one.startswith(f"{name}.d")]

    def erase(self, trashed: str) -> None:
        """Delete a file from the trash bin."""
        self._dav.delete(trashed)


def opened(link: str, data: bytes) -> bool:
    """Whether somebody who has a link, and no password, gets the file."""
    try:
        with unlogged(), connections(link, timeout=60, follow_redirects=True) as client:
            return client.get(f"{link}/download").content == data
    except httpx.HTTPError as error:  # its text may hold the link
        raise unreachable(error, "try the link without its password") from None


def _data(answer: httpx.Response) -> Any:  # noqa: ANN401 -- depends on the call
    """Return what an answer holds; None where there is no such thing."""
    if answer.status_code == 404:
        return None
    try:
        told = answer.json()["ocs"]
        code, data = int(told.get("meta", {}).get("statuscode", 200)), told["data"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TransferError(
            "the server's answer is not that of Nextcloud, and no other, as ownCloud, is known here: check the address"
        ) from error
    if code == 404:
        return None
    if code not in _WELL:
        raise TransferError(f"Nextcloud refused: {code} ({_words(answer)})")
    return data


def _words(answer: httpx.Response) -> str:
    """Return what the server says is wrong."""
    try:
        return str(answer.json()["ocs"]["meta"]["message"] or "")
    except (ValueError, KeyError, TypeError):
        return ""
