"""Immich: pictures that only their owner sees, or whoever has a link with a password."""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from cloak.errors import AudienceError, CloakError, MissingExtraError, TransferError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Item, Placed, Setting, Wish
from cloak.upload.errors import underway

if TYPE_CHECKING:
    from cloak.upload.destinations.immich_api import Server

_LINK = timedelta(days=30)
"""How long a link lasts if nobody says."""

_PATIENCE = 30.0
"""Seconds to wait until the server has deleted a picture."""

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Immich:
    """Puts pictures into the archive of an Immich server, version 1.118 to 3: partners see a timeline, but no archive.

    A link has a random password and an end, and shows neither metadata nor a way to download. All of that is read
    back. The server keeps one of pictures with the same content, so that a second upload is refused: whose it would be
    to delete, nobody could tell. A handle is ``USER/PICTURE`` or ``USER/PICTURE/LINK``.
    """

    KIND: ClassVar[str] = "immich"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting(name="server", question="Address of the server, such as https://photos.example.org"),
        Setting(name="api-key", question="API key", secret=True),
    )
    AUDIENCES: ClassVar[tuple[Audience, ...]] = (Audience.OWNER, Audience.LINK)

    def __init__(self, server: "Server") -> None:
        self._server = server

    @classmethod
    def open(cls, settings: Mapping[str, str], credentials: Credentials) -> Self:
        """Make one from the server's address and an API key."""
        try:
            from cloak.upload.destinations.http import base  # noqa: PLC0415 -- of an extra
            from cloak.upload.destinations.immich_api import Server  # noqa: PLC0415 -- of an extra
        except ImportError as error:
            raise MissingExtraError("uploads to Immich", "upload") from error
        return cls(Server(base(settings.get("server", "")).removesuffix("/api"), credentials.need("api-key")))

    def check(self, wish: Wish) -> None:
        """See that the server is of a version that is known, and the key good for what is to be done."""
        if wish.audience not in self.AUDIENCES:
            raise AudienceError(f"immich has no audience {wish.audience}: it has {', '.join(self.AUDIENCES)}")
        major, minor = self._server.version
        if not (1, 118) <= (major, minor) < (4, 0):
            raise UploadError(f"{self._server.address} runs Immich {major}.{minor}: versions 1.118 to 3 are known here")
        self._server.named(secrets.token_hex(16))
        if wish.album:
            self._album(wish.album)

    def put(self, item: Item, wish: Wish) -> Placed:
        """Upload one picture and, if one is wished, make a link to it; both are read back."""
        album = self._album(wish.album) if wish.album else None
        earlier = self.find(item.name)
        if earlier:
            self.delete(earlier)
        number, there = self._server.upload(item.name, item.file.data, f"image/{item.file.container}", item.told)
        if there:
            raise TransferError(
                f"{self._server.address} has this very picture already ({number}), and keeps only one of each: delete "
                "that one first, from the trash as well"
            )
        try:
            with underway():
                self._check_asset(number, item)
                if item.alt:
                    self._server.describe(number, item.alt)
                if wish.album:
                    self._into_album(album, wish.album, number)
                return self._link(number, wish) if wish.audience is Audience.LINK else self._seen(number)
        except CloakError as error:
            self._take_back(number, error)
            raise

    def find(self, name: str) -> str | None:
        """Return the handle of a picture by its name."""
        return next((self._handle(asset["id"]) for asset in self._server.named(name)), None)

    def look(self, handle: str) -> Placed | None:
        """Return who sees a picture now, by whatever link or album; None if it is gone, the trash included.

        Raises:
            CredentialsError: the key may not list links or albums, which nothing else here needs: nobody can tell.
        """
        placed = self._look(handle)
        if placed is None or placed.audience is Audience.PUBLIC:
            return placed
        number, own = self._parse(handle)
        albums = self._server.albums(holding=number)
        if any(album.get("shared", True) for album in albums):
            return replace(placed, audience=Audience.FOLLOWERS, expires=None)
        others = [link for link in self._server.links(number) if link["id"] != own and not _over(link)]
        if placed.audience.wider_than(Audience.LINK):
            return placed
        if others or any(album.get("hasSharedLink", True) for album in albums):
            return replace(placed, audience=Audience.LINK, expires=None)
        return placed

    def _look(self, handle: str) -> Placed | None:
        """Return what is known of a picture and the link of its handle: all there is to know of a new one."""
        number, link = self._parse(handle)
        asset = self._server.asset(number)
        if asset is None:
            return None
        if not self._server.refuses(f"assets/{number}"):
            return Placed(handle=handle, audience=Audience.PUBLIC)
        shared = self._server.link(link) if link else None
        if shared and (ends := _time(shared["expiresAt"])) and ends > datetime.now(UTC):
            return Placed(handle=handle, audience=Audience.LINK, expires=ends)
        # Partners of the user see what is in the timeline.
        owner = asset["visibility"] in {"archive", "locked"} or asset["isTrashed"]
        return Placed(handle=handle, audience=Audience.OWNER if owner else Audience.FOLLOWERS)

    def delete(self, handle: str) -> None:
        """Delete a picture, not into the trash, and its link; wait until the server has done it."""
        number, link = self._parse(handle)
        if link:
            self._server.erase_link(link)
        self._server.erase(number)
        end = time.monotonic() + _PATIENCE
        while self._server.asset(number) is not None:
            if time.monotonic() > end:
                raise TransferError(f"{self._server.address} still has {handle} {_PATIENCE:.0f} s after it was deleted")
            time.sleep(0.5)
        if link and self._server.link(link) is not None:
            raise TransferError(f"{self._server.address} still has the link of {handle} after it was deleted")

    def close(self) -> None:
        """Let go of connections."""
        self._server.close()

    def _check_asset(self, number: str, item: Item) -> None:
        asset = self._server.asset(number)
        if asset is None or not self._server.has_all(asset, item.file.data):
            raise TransferError(f"{self._server.address} does not have what was sent to it")

    def _seen(self, number: str) -> Placed:
        placed = self._look(self._handle(number))
        if placed is None:
            raise TransferError(f"{self._handle(number)} was uploaded, and is gone again")
        if placed.audience is not Audience.OWNER:
            raise AudienceError(
                f"{self._server.address} shows the picture to more people than its owner ({placed.audience}): it was "
                "deleted again; choose another server"
            )
        return placed

    def _link(self, number: str, wish: Wish) -> Placed:
        """Make a link, and see that the server did not make more of it."""
        self._seen(number)
        password = secrets.token_urlsafe(12)
        ends = wish.expires or datetime.now(UTC) + _LINK
        made = self._server.new_link(number, password, ends)
        try:
            handle = f"{self._handle(number)}/{made['id']}"
            found = self._server.link(str(made["id"])) or {}
            wider = [answer for answer in (made, found) if not _as_asked(answer, password, ends)]
            placed = self._look(handle)
            if wider or placed is None or placed.expires is None:
                raise AudienceError(
                    f"{self._server.address} did not make the link as asked for (a password, an end, no download, no "
                    "metadata): it was deleted again; choose another server"
                )
            if not self._server.refuses(f"shared-links/me?key={made['key']}"):
                raise AudienceError(f"{self._server.address} opens the link without its password: it was deleted again")
        except CloakError:
            self._server.erase_link(str(made["id"]))
            raise
        address = f"{self._server.address}/share/{made['key']}"
        return Placed(handle=handle, audience=Audience.LINK, expires=placed.expires, link=address, password=password)

    def _album(self, name: str) -> str | None:
        """Return the number of an album that nobody else sees; None if it is to be made."""
        named = [album for album in self._server.albums() if album["albumName"] == name]
        for album in named:
            if not album.get("shared", True) and not album.get("hasSharedLink", True):
                return str(album["id"])
        if named:
            raise AudienceError(f"others see the album {name!r}: choose another name")
        return None

    def _into_album(self, album: str | None, name: str, number: str) -> None:
        if album:
            self._server.add_to_album(album, number)
        else:
            self._server.new_album(name, number)

    def _take_back(self, number: str, error: CloakError) -> None:
        """Delete what was not placed as wished."""
        try:
            self.delete(self._handle(number))
        except CloakError as second:
            raise type(error)(f"{error}; and the picture {number} may still be there: {second}") from error

    def _handle(self, number: str) -> str:
        return f"{self._server.user}/{number}"

    def _parse(self, handle: str) -> tuple[str, str | None]:
        """Return the numbers of a picture and of its link."""
        parts = re.fullmatch(rf"({_UUID})/({_UUID})(?:/({_UUID}))?", handle)
        if parts is None or parts[1] != self._server.user:
            raise TransferError(
                f"{handle!r} is no picture of this user ({self._server.user}): use the API key of the user whose it is"
            )
        return parts[2], parts[3]


def _as_asked(link: Mapping[str, Any], password: str, ends: datetime) -> bool:
    """Whether a link is as it was asked for; a password that is hidden is not read back, but tried."""
    told = _time(link.get("expiresAt"))
    kept = link.get("password") in {password, None} or set(str(link.get("password"))) == {"*"}
    return (
        told is not None
        and told <= ends + timedelta(seconds=1)
        and kept
        and link.get("allowDownload") is False
        and link.get("allowUpload") is False
        and link.get("showMetadata") is False
    )


def _over(link: Mapping[str, Any]) -> bool:
    """Whether the time of a link is up."""
    ends = _time(link["expiresAt"])
    return ends is not None and ends <= datetime.now(UTC)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
