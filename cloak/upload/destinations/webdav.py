"""WebDAV: files in a folder that nobody sees without the account."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import unquote

from cloak.errors import (
    AudienceError,
    CloakError,
    ConfigError,
    MissingExtraError,
    TransferError,
    TransientError,
    UnreachableError,
    UploadError,
)
from cloak.upload.backoff import soon
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Item, Placed, Setting, Wish
from cloak.upload.destinations import copyparty
from cloak.upload.errors import size_untold, underway
from cloak.upload.names import folder_name

if TYPE_CHECKING:
    from cloak.upload.destinations.dav import Dav

_CLOUD = "/remote.php/"
"""In each address of WebDAV at Nextcloud and ownCloud."""


class WebDav:
    """Puts files into a folder, and asks for each as somebody without an account.

    WebDAV knows no visibility: where everybody may read the folder, nothing is uploaded without `--public`. What other
    accounts of the server see is a matter of the server. It has no expiry either, but for copyparty's, which is used
    where the folder has it. A handle is the address of a file.

    A photo is sent under its final name, not under another and then renamed: the name is random, so that nobody comes
    upon half a file, an interrupted upload leaves at most this one name, which the ledger knows, and to send it again
    replaces it. That all of it arrived is seen by the size: TLS has vouched for each byte already.
    """

    KIND: ClassVar[str] = "webdav"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting(name="url", question="Address of the folder, like https://example.org/dav/photos"),
        Setting(name="user", question="User", address=False),
        Setting(name="password", question="Password", secret=True),
    )
    AUDIENCES: ClassVar[tuple[Audience, ...]] = (Audience.OWNER, Audience.PUBLIC)

    def __init__(self, dav: "Dav", *, cloud: bool = False) -> None:
        self._dav = dav
        self._cloud = cloud
        self._made: set[str] = set()
        self._lifetime: int | None = None

    @classmethod
    def open(cls, settings: Mapping[str, str], credentials: Credentials) -> Self:
        """Make one from the folder's address, user and password."""
        dav = _dav(settings.get("url", ""), settings.get("user", ""), credentials)
        return cls(dav, cloud=_CLOUD in f"{dav.root}/")

    @classmethod
    def within(cls, url: str, user: str, credentials: Credentials) -> Self:
        """Make one for a destination that asks for shares, and empties the trash bin, by itself."""
        return cls(_dav(url, user, credentials))

    def check(self, wish: Wish) -> None:
        """Make the folder, put a file of no meaning into it, see who can read that, and delete it."""
        self.try_out(wish)

    def try_out(self, wish: Wish) -> str:
        """Do what `check` does, and return the name of the file that was there for a moment."""
        if self._cloud:
            raise UploadError(self._blind("nothing was uploaded"))
        probe = f"{secrets.token_hex(16)}.jpg"
        self._make("")
        if wish.album:
            self._refuse_unlisted()
        self._dav.put(probe, probe.encode(), "image/jpeg", {})
        try:
            audience = self._audience(probe)
        finally:
            self._remove_probe(probe)
        self._refuse_wider(audience, wish, "nothing was uploaded")
        return probe

    def put(self, item: Item, wish: Wish) -> Placed:
        """Upload one file and ask for it without an account; take it back if that worked and was not wished."""
        if self._cloud:
            raise UploadError(self._blind("nothing was uploaded"))
        folder = folder_name(wish.album) if wish.album else ""
        self._make(folder)
        path = f"{folder}/{item.name}" if folder else item.name
        headers = self._expiry_headers(wish)
        try:
            self._dav.put(path, item.file.data, f"image/{item.file.container}", headers, item.told)
            with underway():
                return self._placed(path, item, wish)
        except UnreachableError:
            raise  # there is nothing to take back
        except CloakError as error:
            self._take_back(path, error)
            raise

    def find(self, name: str) -> str | None:
        """Return the handle of a file of this name, in the folder or in an album's."""
        if self._dav.size(name) is not None:
            return self._dav.address(name)
        for folder in self._dav.names(self._dav.address(""), folders=True):
            if self._dav.size(f"{folder}/{name}") is not None:
                return self._dav.address(f"{folder}/{name}")
        self._refuse_missing_folder(name)
        return None

    def look(self, handle: str) -> Placed | None:
        """Return who can read a file now; None if it is gone."""
        path = self.path_of(handle)
        if self._dav.size(path) is None:
            self._refuse_missing_folder(path)
            return None
        if self._cloud:
            raise UploadError(self._blind("nobody here can tell who sees the photo"))
        link = self._dav.link(path)
        return Placed(handle=handle, audience=self._audience(path), expires=self._expires(path), link=link)

    def delete(self, handle: str) -> None:
        """Delete a file. Its folder stays: WebDAV cannot delete one only if it is empty."""
        path = self.path_of(handle)
        self._dav.delete(path)
        self._refuse_missing_folder(path)
        if self._cloud:
            raise TransferError(self._blind(f"{handle} was put into that, if there is one"))

    def close(self) -> None:
        """Let go of connections."""
        self._dav.close()

    def address(self, path: str) -> str:
        """Return the handle of a file, by its path below the folder."""
        return self._dav.address(path)

    def path_of(self, handle: str) -> str:
        """Return the path, below the folder, of a file.

        Raises:
            TransferError: it is not in this folder.
        """
        start = self._dav.address("")
        whole, path = unquote(handle), unquote(handle).removeprefix(unquote(start))  # people write @ or %40
        if not whole.startswith(unquote(start)) or not path or ".." in path.split("/"):
            raise TransferError(f"{handle!r} is not in {start}: set the destination to the folder that it is in")
        return path

    def _remove_probe(self, probe: str) -> None:
        try:
            self._dav.delete(probe)
        except CloakError as error:
            error.args = (f"{error}; {self._dav.address(probe)}, which was only to try it, is still there",)
            raise

    def _make(self, folder: str) -> None:
        """Make the destination's folder and one in it, unless they are there."""
        for each in ("", folder):
            if each not in self._made:
                if each:
                    self._refuse_unlisted()
                if each or not self._dav.there():
                    self._dav.make(each)
                self._made.add(each)

    def _refuse_unlisted(self) -> None:
        """Put nothing into an album that nobody could look for, as on nginx with its own module."""
        if not self._dav.lists():
            raise UploadError(
                f"{self._dav.root} does not tell what is in it, so that nobody could find what an interrupted upload "
                "left in an album: leave out --album"
            )

    def _placed(self, path: str, item: Item, wish: Wish) -> Placed:
        """Read back what became of a file."""
        size, expected = soon(lambda: self._dav.size(path), lambda size: size is not None), len(item.file.data)
        if size == -1:
            raise size_untold("the server", self._dav.address(path))
        if size != expected:
            raise TransientError(f"{self._dav.address(path)} has {size or 0:,} bytes after {expected:,} were uploaded")
        audience = self._audience(path)
        self._refuse_wider(audience, wish, "the photo was deleted again")
        handle, link = self._dav.address(path), self._dav.link(path)
        return Placed(handle=handle, audience=audience, expires=self._expires(path), link=link)

    def _audience(self, path: str) -> Audience:
        """Return who can read a file, by asking for it without an account."""
        status = self._dav.status_for_all(path)
        if status in {401, 403, 404}:
            return Audience.OWNER
        if status < 300:
            return Audience.PUBLIC
        raise AudienceError(f"cannot tell whether others can read from {self._dav.root}: it answered them {status}")

    def _refuse_wider(self, audience: Audience, wish: Wish, done: str) -> None:
        if audience.wider_than(wish.audience):
            raise AudienceError(
                f"everybody can read what is in {self._dav.root}, without an account: {done}; have the server ask "
                "for a password there, choose another folder, or pass --public"
            )

    def _blind(self, done: str) -> str:
        """Say why WebDAV is not enough for Nextcloud and its like: it knows nothing of shares and the trash bin."""
        return (
            f"{self._dav.root} is of a Nextcloud, where others see what is shared, and what is deleted stays in a "
            f"trash bin: {done}; set it up again as kind nextcloud, with the same folder"
        )

    def _refuse_missing_folder(self, path: str) -> None:
        """A server whose disk is not there has not deleted anything; but copyparty deletes folders that are empty."""
        if not self._dav.there() and not self._server_lifetime():
            raise TransferError(
                f"there is no folder {self._dav.root}, so nobody knows whether {path} is gone: check the address, and "
                "whether the server has its disk"
            )

    def _take_back(self, path: str, error: CloakError) -> None:
        """Delete what was not placed as wished, or in part."""
        if isinstance(error, TransientError) and error.after is not None:
            return  # it took nothing, and asked to be left alone for a while
        try:
            self._dav.delete(path)
        except CloakError as second:
            error.args = (f"{error}; {self._dav.address(path)} may still be there, whole or in part: {second}",)

    def _expiry_headers(self, wish: Wish) -> dict[str, str]:
        if wish.expires is None or not self._server_lifetime():
            return {}
        return copyparty.headers(wish.expires - datetime.now(UTC))

    def _expires(self, path: str) -> datetime | None:
        lifetime = self._server_lifetime()
        return copyparty.expires(self._dav.http, self._dav.address(path), lifetime) if lifetime else None

    def _server_lifetime(self) -> int:
        if self._lifetime is None:
            self._lifetime = copyparty.lifetime(self._dav.http, self._dav.address(""))
        return self._lifetime


def _dav(url: str, user: str, credentials: Credentials) -> "Dav":
    """Return the folder of an address.

    Raises:
        ConfigError: address or user make no sense.
        MissingExtraError: a package that it needs is not installed.
    """
    try:
        from cloak.upload.destinations.dav import Dav  # noqa: PLC0415 -- of an extra
        from cloak.upload.destinations.http import base  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("uploads to WebDAV", "upload") from error
    if not user or ":" in user:
        raise ConfigError(f"a user of WebDAV has a name without a colon, got {user!r}")
    return Dav(base(url), user, credentials.need("password"))
