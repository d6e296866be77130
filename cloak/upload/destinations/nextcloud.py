"""Nextcloud: files that are shared with nobody, or by a link with a password and an end."""

import secrets
import string
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import quote, unquote

from cloak.errors import AudienceError, CloakError, ConfigError, MissingExtraError, TransferError, UnreachableError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Item, Placed, Setting, Wish
from cloak.upload.destinations.webdav import WebDav
from cloak.upload.errors import underway
from cloak.upload.names import folder_name

if TYPE_CHECKING:
    from cloak.upload.destinations.ocs import Cloud

_SHARE = "#share="
_LATEST_ZONE = timedelta(hours=12)
"""By how much midnight may be later at the server than in UTC."""
_EARLIEST_ZONE = timedelta(hours=14)


class Nextcloud:
    """Puts files into a folder of a user's, by WebDAV, and makes links to them if asked.

    A folder that is shared, or in one that is, takes no photos: those it is shared with would see them. A link has a
    password, allows reading only, and ends at the server: by day, at the beginning of one, so that it ends up to a day
    and a half before the time that was asked for, and not after it. For a time sooner than that, the server's end is
    the next day that it takes, and the ledger deletes the photo before. What is deleted does not stay in the trash bin.
    A handle is the address of a file, with ``#share=NUMBER`` if there is a link; the older address of the same file,
    which people set up as kind webdav, is taken as well.
    """

    KIND: ClassVar[str] = "nextcloud"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting(name="url", question="Address of Nextcloud, like https://cloud.example.org"),
        Setting(name="user", question="User name, not the e-mail address"),
        Setting(name="folder", question="Folder to put photos in", default="cloak"),
        Setting(name="password", question="App password, made in Nextcloud's settings under Security", secret=True),
    )
    AUDIENCES: ClassVar[tuple[Audience, ...]] = (Audience.OWNER, Audience.LINK)

    def __init__(self, files: WebDav, cloud: "Cloud", folder: str, older: str = "") -> None:
        self._older = older
        self._files = files
        self._cloud = cloud
        self._folder = folder

    @classmethod
    def open(cls, settings: Mapping[str, str], credentials: Credentials) -> Self:
        """Make one from the server's address, user, folder and password."""
        try:
            from cloak.upload.destinations.http import base  # noqa: PLC0415 -- of an extra
            from cloak.upload.destinations.ocs import Cloud  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtraError("uploads to Nextcloud", "upload") from error
        server, user, folder = base(settings.get("url", "")), settings.get("user", ""), settings.get("folder", "")
        folder = folder.strip("/")
        if not folder or any(part in {"", ".", ".."} for part in folder.split("/")):
            raise ConfigError(f"a folder of Nextcloud is like Photos/cloak, got {folder!r}")
        url = f"{server}/remote.php/dav/files/{quote(user, safe='')}/{quote(folder)}"
        files = WebDav.within(url, user, credentials)
        older = f"{server}/remote.php/webdav/{quote(folder)}/"
        return cls(files, Cloud(server, user, credentials.need("password")), folder, older)

    def check(self, wish: Wish) -> None:
        """See that the folder can be written to and is shared with nobody."""
        self._cloud.check()
        self._empty_trash(self._files.try_out(wish))
        self._refuse_shared(self._place(wish))

    def put(self, item: Item, wish: Wish) -> Placed:
        """Upload one file, make its link if one is wished, and read back what became of both."""
        path = f"{self._place(wish)}/{item.name}"
        try:
            placed = self._files.put(item, wish)
            with underway():
                self._refuse_shared(self._place(wish))
                for share in self._cloud.shares(path):  # of an earlier, interrupted upload
                    self._cloud.unshare(str(share["id"]))
                return self._shared(placed, path, item, wish) if wish.audience is Audience.LINK else placed
        except UnreachableError:
            raise  # there is nothing to take back
        except CloakError as error:
            self._take_back(self._files.address(path.removeprefix(f"/{self._folder}/")), error)
            raise

    def find(self, name: str) -> str | None:
        """Return the handle of a file of this name, with that of its link; also if it is in the trash bin only."""
        found = self._files.find(name)
        if found is None:
            return self._files.address(name) if self._cloud.trashed(name) else None
        links = self._cloud.shares(f"/{self._folder}/{self._files.path_of(found)}")
        return f"{found}{_SHARE}{links[0]['id']}" if links else found

    def look(self, handle: str) -> Placed | None:
        """Return who can see a file now, and when its link ends; None if it is gone, from the trash bin too."""
        address, number = self._parse(handle)
        placed = self._files.look(address)
        if placed is None:
            trashed = self._cloud.trashed(_name(address))
            return Placed(handle=handle, audience=Audience.OWNER) if trashed else None
        share = self._cloud.link(number) if number else None
        audience = max(placed.audience, self._shared_with(address), key=list(Audience).index)
        if share is None or audience.wider_than(Audience.LINK):
            return Placed(handle=handle, audience=audience, link=placed.link)
        return Placed(handle=handle, audience=Audience.LINK, expires=_ends(share), link=str(share.get("url")))

    def delete(self, handle: str) -> None:
        """Delete a file, its link, and what the trash bin keeps of it."""
        address, number = self._parse(handle)
        self._files.path_of(address)
        if number:
            self._cloud.unshare(number)
        self._files.delete(address)
        self._empty_trash(_name(address))
        if self._cloud.trashed(_name(address)):
            raise TransferError(f"{address} is still in the trash bin after it was deleted from it")

    def close(self) -> None:
        """Let go of connections."""
        self._files.close()
        self._cloud.close()

    def _parse(self, handle: str) -> tuple[str, str]:
        """Return the address of a file, and the number of its link; "" if there is none."""
        address, _, number = handle.partition(_SHARE)
        if self._older and address.startswith(self._older):
            address = self._files.address(unquote(address.removeprefix(self._older)))
        return address, number

    def _place(self, wish: Wish) -> str:
        """Return the folder for a wish, as the server's shares call it."""
        return f"/{self._folder}/{folder_name(wish.album)}" if wish.album else f"/{self._folder}"

    def _refuse_shared(self, place: str) -> None:
        """Put nothing into a folder that is shared, or in one that is."""
        for folder in _way(place):
            if self._cloud.shares(folder):
                raise AudienceError(
                    f"the folder {folder} on Nextcloud is shared, and so would be the photos in it: end that there, or "
                    "choose another folder; nothing was left there"
                )

    def _shared_with(self, address: str) -> Audience:
        """Return who can see a file by shares of itself, or of the folders that it is in."""
        way = _way(f"/{self._folder}/{self._files.path_of(address)}")
        found = [share for each in way for share in self._cloud.shares(each)]
        return max(map(_seen_by, found), key=list(Audience).index, default=Audience.OWNER)

    def _shared(self, placed: Placed, path: str, item: Item, wish: Wish) -> Placed:
        """Make a link, and see that it is what was asked for."""
        password, day = _password(), _day(wish.expires) if wish.expires else None
        number = self._cloud.share(path, password, day)
        share = self._cloud.link(number)
        if share is None:
            raise TransferError(f"the link to {path} was made, and is gone again")
        wrong = _wrong(share, day)
        if wrong is None and _opened(str(share["url"]), item.file.data):
            wrong = "opens without its password"
        if wrong:
            raise AudienceError(f"the link that Nextcloud made {wrong}: it and the photo were deleted again")
        ends = _ends(share)
        return Placed(
            handle=f"{placed.handle}{_SHARE}{number}",
            audience=Audience.LINK,
            expires=None if ends and wish.expires and ends > wish.expires else ends,
            link=str(share["url"]),
            password=password,
        )

    def _empty_trash(self, name: str) -> None:
        """Delete from the trash bin what has a name."""
        for trashed in self._cloud.trashed(name):
            self._cloud.erase(trashed)

    def _take_back(self, handle: str, error: CloakError) -> None:
        """Delete what was not placed as wished; its links end with it."""
        try:
            self.delete(handle)
        except CloakError as second:
            error.args = (f"{error}; {handle} may still be there: {second}",)


def _name(address: str) -> str:
    return unquote(address.rpartition("/")[2])


def _way(path: str) -> list[str]:
    """Return a path, with a slash before it, and the folders that it is in: the widest first."""
    parts = path.strip("/").split("/")
    return [f"/{'/'.join(parts[:end])}" for end in range(1, len(parts) + 1)]


def _seen_by(share: Mapping[str, Any]) -> Audience:
    """Return who sees what is shared: whoever has a link, or people who have an account somewhere."""
    from cloak.upload.destinations.ocs import LINK, MAIL  # noqa: PLC0415 -- of an extra

    return Audience.LINK if int(share.get("share_type", -1)) in {LINK, MAIL} else Audience.FOLLOWERS


def _opened(link: str, data: bytes) -> bool:
    from cloak.upload.destinations.ocs import opened  # noqa: PLC0415 -- of an extra

    return opened(link, data)


def _password() -> str:
    """Return a password of 140 bits that pleases every policy: small and capital letters, digits and others."""
    letters = string.ascii_letters + string.digits + "-_.!"
    while True:
        made = "".join(secrets.choice(letters) for _ in range(24))
        kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!")
        if all(set(made) & set(kind) for kind in kinds):
            return made


def _day(expires: datetime) -> date:
    """Return the last day that begins before a time, wherever the server is; or the first that it takes."""
    first = (datetime.now(UTC) + _EARLIEST_ZONE).date() + timedelta(days=1)
    return max(first, (expires - _LATEST_ZONE).astimezone(UTC).date())


def _ends(share: Mapping[str, Any]) -> datetime | None:
    """Return when a link ends, at the latest: the server says the time and not the zone; None for never."""
    said = share.get("expiration")
    return datetime.fromisoformat(str(said)).replace(tzinfo=UTC) + _LATEST_ZONE if said else None


def _wrong(share: Mapping[str, Any], day: date | None) -> str | None:
    """Say in what a link is not as asked for; None if it is."""
    from cloak.upload.destinations.ocs import LINK, READ, RESHARE  # noqa: PLC0415 -- of an extra

    if int(share.get("share_type", -1)) != LINK or not share.get("url"):
        return "is no link"
    if int(share.get("permissions", -1)) | RESHARE != READ | RESHARE:
        return f"allows more than reading (permissions {share.get('permissions')})"
    if not share.get("password"):
        return "has no password"
    ends = str(share.get("expiration") or "")[:10]
    if day and (not ends or date.fromisoformat(ends) > day):
        return f"ends {ends or 'never'}, and was to end on {day}"
    return None
