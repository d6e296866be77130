"""S3 and what is compatible with it: objects that nobody reads without the account, shared by presigned links only."""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from cloak.errors import (
    AudienceError,
    CloakError,
    ConfigError,
    CredentialsError,
    MissingExtraError,
    TransferError,
    UnreachableError,
    UploadError,
)
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Item, Placed, Setting, Wish
from cloak.upload.errors import underway
from cloak.upload.names import folder_name

if TYPE_CHECKING:
    from cloak.upload.destinations.s3_bucket import Bucket

_UNTIL = "?link-until="
_STYLES = ("auto", "path", "virtual")

_ADVICE = (
    "close what shows it to everybody, or set public-address of this destination to the addresses that may show it, "
    "or to none if there are none (`cloak upload setup` asks for it), or pass --public"
)
"""What to do about a bucket that others can read, or may."""


class S3:
    """Puts objects into a bucket, without any ACL, and asks for each as somebody without an account.

    Who else may read them is a matter of the bucket's policy: where that is everybody, nothing is uploaded without
    `--public`. A link is presigned and ends by itself, after seven days at most, which is reported; that it ends is
    tried out before the first is given away. A handle is ``s3://bucket/key``, with ``?link-until=TIME`` if there is a
    link. The object itself is deleted with all its versions.
    """

    KIND: ClassVar[str] = "s3"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting(name="bucket", question="Bucket"),
        Setting(name="endpoint", question="Address of the server, empty for Amazon", default=""),
        Setting(name="region", question="Region, empty for that of the AWS tools", default="", address=False),
        Setting(name="prefix", question="Folder in the bucket", default=""),
        Setting(name="profile", question="Profile of the AWS tools, empty for the default", default="", address=False),
        Setting(
            name="addressing",
            question="Where the bucket goes in addresses: auto, path, virtual",
            default="auto",
            address=False,
        ),
        Setting(
            name="public-address",
            question="Addresses that may show the bucket to everybody, none if there are none, empty if unknown",
            default="",
            address=False,
        ),
        Setting(name="access-key-id", question="Access key, empty for that of the AWS tools", default="", secret=True),
        Setting(name="secret-access-key", question="Secret key", default="", secret=True),
    )
    AUDIENCES: ClassVar[tuple[Audience, ...]] = (Audience.OWNER, Audience.LINK, Audience.PUBLIC)

    def __init__(self, bucket: "Bucket", prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._links_end = False

    @classmethod
    def open(cls, settings: Mapping[str, str], credentials: Credentials) -> Self:
        """Make one from bucket, endpoint and keys; without keys, from what the AWS tools use."""
        try:
            from cloak.upload.destinations.http import base  # noqa: PLC0415 -- of an extra
            from cloak.upload.destinations.s3_access import Access  # noqa: PLC0415 -- of an extra
            from cloak.upload.destinations.s3_bucket import Bucket  # noqa: PLC0415 -- of an extra
        except ImportError as error:
            raise MissingExtraError("uploads to S3", "upload") from error
        shown = _shown(settings)
        access = Access(
            endpoint=base(settings["endpoint"]) if settings.get("endpoint") else None,
            region=settings.get("region") or ("us-east-1" if settings.get("endpoint") else None),
            profile=settings.get("profile") or None,
            keys=_keys(credentials),
            addressing=_addressing(settings),
            shown=None if shown is None else tuple(base(address) for address in shown),
        )
        prefix = settings.get("prefix", "").strip("/")
        return cls(Bucket(_name(settings.get("bucket", "")), access), f"{prefix}/" if prefix else "")

    def check(self, wish: Wish) -> None:
        """See that the bucket is there, lets us in, is not public unless wished, and lets go of what it has."""
        nothing = self._prefix + secrets.token_hex(16)
        try:
            self._bucket.folders(self._prefix)  # first: it says what is wrong, which answers to HEAD cannot
            self._bucket.head(nothing)
            hidden = self._bucket.hides_versions(nothing)
            doubts = None if wish.audience is Audience.PUBLIC else self._bucket.readers.doubts(nothing)
            locked = self._bucket.locked_for()
        except CredentialsError as error:
            raise CredentialsError(
                f"{error}; it has to allow s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject, and where "
                "old versions are kept s3:ListBucketVersions and s3:DeleteObjectVersion, or nobody can see that a "
                "photo is gone"
            ) from error
        if hidden:
            raise CredentialsError(
                f"bucket {self._bucket.name} keeps old versions of what is deleted, or may, and does not let us see "
                "them, so that no photo would ever be known to be gone: allow the access key s3:ListBucketVersions and "
                "s3:DeleteObjectVersion, or s3:GetBucketVersioning where no versions are kept"
            )
        if doubts:
            raise AudienceError(f"{doubts}: {_ADVICE}")
        if locked and wish.expires and datetime.now(UTC) + locked > wish.expires:
            raise UploadError(
                f"bucket {self._bucket.name} lets nothing be deleted for {locked.days} days (object lock), which is "
                "longer than --expires: choose another bucket"
            )

    def put(self, item: Item, wish: Wish) -> Placed:
        """Upload one object and ask for it without an account; take it back if that worked and was not wished."""
        key = self._prefix + (f"{folder_name(wish.album)}/" if wish.album else "") + item.name
        try:  # an object of this key, from an earlier try, is replaced
            self._bucket.put(key, item.file.data, f"image/{item.file.container}", item.told)
            with underway():
                return self._placed(key, wish)
        except UnreachableError:
            raise  # there is nothing to take back
        except CloakError as error:
            self._take_back(key, error)
            raise

    def find(self, name: str) -> str | None:
        """Return the handle of an object, or of an unfinished upload, below the prefix or in an album."""
        for folder in (self._prefix, *self._bucket.folders(self._prefix)):
            if self._bucket.there(folder + name):
                return self._handle(folder + name)
        return None

    def look(self, handle: str) -> Placed | None:
        """Return who can read an object now; None if no version of it is left."""
        found = self._look(handle)
        return found and found[0]

    def delete(self, handle: str) -> None:
        """Delete an object with all its versions; links to it end with it."""
        self._bucket.erase(self._parse(handle)[0])

    def close(self) -> None:
        """Let go of connections."""
        self._bucket.close()

    def _look(self, handle: str) -> tuple[Placed, str] | None:
        """Return who can read an object now, and why if that is everybody."""
        key, until = self._parse(handle)
        there = self._bucket.head(key)
        if there is None and not self._bucket.there(key):
            return None
        seen = self._bucket.readers.seen(key)
        if until and until > datetime.now(UTC) and not seen.audience.wider_than(Audience.LINK):
            return Placed(handle=handle, audience=Audience.LINK, expires=until), ""
        expires = _lifecycle(there or {})
        return Placed(handle=handle, audience=seen.audience, expires=expires, link=seen.link), seen.why

    def _placed(self, key: str, wish: Wish) -> Placed:
        """Read back what became of an object, and make its link if one is wished."""
        found = self._look(self._handle(key))
        if found is None:
            raise TransferError(f"{key} was uploaded, and is gone again")
        placed, why = found
        if placed.audience.wider_than(wish.audience):
            raise AudienceError(f"{why}: the photo was deleted again; {_ADVICE}")
        if wish.audience is not Audience.LINK:
            return placed
        if not self._links_end:
            self._bucket.check_links(key)
            self._links_end = True
        link, until = self._bucket.link(key, wish.expires)
        handle = f"{self._handle(key)}{_UNTIL}{until:%Y-%m-%dT%H:%M:%SZ}"
        return Placed(handle=handle, audience=Audience.LINK, expires=until, link=link)

    def _take_back(self, key: str, error: CloakError) -> None:
        """Delete what was not placed as wished."""
        try:
            self._bucket.erase(key)
        except CloakError as second:
            message = f"{error}; and {self._handle(key)} may still be there: {second}"
            raise type(error)(message) from error

    def _handle(self, key: str) -> str:
        return f"s3://{self._bucket.name}/{key}"

    def _parse(self, handle: str) -> tuple[str, datetime | None]:
        """Return an object's key, and when its link ends."""
        start, (place, _, until) = self._handle(""), handle.partition(_UNTIL)
        if not place.startswith(start) or place == start:
            raise TransferError(
                f"{handle!r} is not in bucket {self._bucket.name}: set the destination to the bucket that it is in"
            )
        return place.removeprefix(start), datetime.fromisoformat(until) if until else None


def _lifecycle(there: Mapping[str, Any]) -> datetime | None:
    """Return when a rule of the bucket deletes an object: ``expiry-date="Fri, 21 Dec 2012 00:00:00 GMT", ...``."""
    date = re.search(r'expiry-date="([^"]+)"', there.get("Expiration", ""))
    return parsedate_to_datetime(date[1]) if date else None


def _name(bucket: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}", bucket):
        raise ConfigError(f"a bucket has a name of letters, digits, dots and hyphens, got {bucket!r}")
    return bucket


def _keys(credentials: Credentials) -> tuple[str, str] | None:
    if credentials.get("access-key-id") is None and credentials.get("secret-access-key") is None:
        return None
    return credentials.need("access-key-id").reveal(), credentials.need("secret-access-key").reveal()


def _shown(settings: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the addresses that may show the bucket to everybody; None if nobody said whether there are any."""
    said = settings.get("public-address", "").replace(",", " ").split()
    return () if said == ["none"] else tuple(said) or None


def _addressing(settings: Mapping[str, str]) -> str:
    style = settings.get("addressing") or "auto"
    if style not in _STYLES:
        raise ConfigError(f"addressing must be one of {', '.join(_STYLES)}, got {style!r}")
    return "path" if style == "auto" and settings.get("endpoint") else style
