"""Mastodon: posts that nobody but their author sees, unless more is wished."""

import hashlib
import html
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Self

from cloak.errors import (
    AudienceError,
    CloakError,
    KeptError,
    MissingExtraError,
    TransferError,
    TransientError,
    UploadError,
)
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Item, Placed, Setting, Wish
from cloak.upload.errors import underway

if TYPE_CHECKING:
    from cloak.upload.destinations.fediverse import Account

_VISIBILITIES = {
    "direct": Audience.OWNER,
    "private": Audience.FOLLOWERS,
    "unlisted": Audience.PUBLIC,
    "public": Audience.PUBLIC,
}


class Mastodon:
    """Posts each photo by itself, with visibility ``direct`` and nobody mentioned, so that only the author sees it.

    A post has no text but a mark of ten letters, by which one that was interrupted is found again. Its visibility is
    read back twice, and a request without an account has to be refused. The picture's address is long and random, but
    whoever has it sees the picture: the software checks nobody there. What other servers got of a post that is not
    ``direct`` they may keep when it is deleted. A handle is ``ACCOUNT/POST/PICTURE``: the picture's number, by which it
    is looked for after its post is gone, not its address, which shows it to whoever has it.
    """

    KIND: ClassVar[str] = "mastodon"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting(name="server", question="Address of the server, such as https://example.social"),
        Setting(name="access-token", question="Access token", secret=True),
    )
    AUDIENCES: ClassVar[tuple[Audience, ...]] = (Audience.OWNER, Audience.FOLLOWERS, Audience.PUBLIC)
    KEEPS: ClassVar[bool] = True
    LOCK: ClassVar[str] = "in its preferences, under Public profile, Privacy and reach"

    def __init__(self, account: "Account") -> None:
        self._account = account

    @classmethod
    def open(cls, settings: Mapping[str, str], credentials: Credentials) -> Self:
        """Make one from the server's address and an access token."""
        try:
            from cloak.upload.destinations.fediverse import Account  # noqa: PLC0415 -- of an extra
            from cloak.upload.destinations.http import base  # noqa: PLC0415 -- of an extra
        except ImportError as error:
            raise MissingExtraError("uploads to Mastodon and Pixelfed", "upload") from error
        return cls(Account(base(settings.get("server", "")), credentials.need("access-token")))

    def check(self, wish: Wish) -> None:
        """See that the token is good for all that is to be done, and followers are those that were let in."""
        self._visibility(wish)
        if wish.album:
            raise UploadError(f"{self.KIND} has no albums: leave out --album, whose name would be in the post")
        self._account.check()
        if wish.audience is Audience.FOLLOWERS and not self._account.locked:
            raise AudienceError(
                "anybody may follow this account, and see then what its followers see: have it accept no followers by "
                f"itself ({self.LOCK}), or pass --public"
            )

    def put(self, item: Item, wish: Wish) -> Placed:
        """Post one photo, and delete it again if more people see it than wished."""
        visibility = self._visibility(wish)
        mark = _mark(item.name)
        for earlier in self._marked(mark, pages=1):
            with suppress(KeptError):  # it is in no post any more
                self.delete(self._handle(earlier))
        media, ready = self._account.send(item)
        post = None
        try:
            with underway():
                if not ready:
                    self._account.wait(media)
                post = self._post(mark, media, visibility, item)
                placed = self._placed(post, wish)
        except CloakError as error:
            self._take_back(post, mark, media, error)
            raise
        if media not in {str(attached["id"]) for attached in post["media_attachments"]}:  # it is that of an earlier try
            with suppress(CloakError):
                self._account.drop(media)
        return placed

    def find(self, name: str) -> str | None:
        """Return the handle of a post by its mark, if it is among the last thousand with pictures."""
        return next((self._handle(post) for post in self._marked(_mark(name), pages=25)), None)

    def look(self, handle: str) -> Placed | None:
        """Return who sees a post now, as the server tells its author and somebody without an account.

        Of a post that is gone, that is whoever has the picture's address, for as long as the server keeps that.
        """
        number, picture = self._parse(handle)
        post = self._account.post(number)
        if post is None:
            left = self._account.left(picture) if picture else None
            return Placed(handle=handle, audience=Audience.LINK, link=left) if left else None
        audience = _VISIBILITIES.get(str(post["visibility"]), Audience.PUBLIC)
        if audience is not Audience.PUBLIC and self._account.seen_by_all(str(post["id"])):
            audience = Audience.PUBLIC
        return Placed(handle=handle, audience=audience, link=post["url"])

    def delete(self, handle: str) -> None:
        """Delete a post and its picture."""
        number, picture = self._parse(handle)
        post = self._account.post(number)
        if post is not None:
            self._account.delete(number, [str(media["url"]) for media in post["media_attachments"] if media["url"]])
        elif picture:
            self._account.see_gone(number, picture)

    def close(self) -> None:
        """Let go of connections."""
        self._account.close()

    def _visibility(self, wish: Wish) -> str:
        """Return the server's word for an audience."""
        if wish.audience not in self.AUDIENCES:
            raise AudienceError(f"{self.KIND} has no audience {wish.audience}: it has {', '.join(self.AUDIENCES)}")
        return {Audience.OWNER: "direct", Audience.FOLLOWERS: "private", Audience.PUBLIC: "public"}[wish.audience]

    def _post(self, mark: str, media: str, visibility: str, item: Item) -> Mapping[str, Any]:
        """Post, and once more if there was no answer: the key, and a look, keep it from being there twice."""
        secret = hashlib.sha256(
            b"\0".join((item.name.encode(), item.alt.encode(), visibility.encode(), item.file.data))
        )
        key = secret.hexdigest()
        try:
            return self._account.publish(mark, media, visibility, key)
        except TransientError as error:
            time.sleep(min(error.after or 1, 5))
            found = next(self._marked(mark, pages=1), None)
            try:
                return found or self._account.publish(mark, media, visibility, key)
            except TransientError:
                raise
            except TransferError as second:  # the first may have come late, on a server that minds no key
                raise TransientError(str(second)) from second

    def _placed(self, post: Mapping[str, Any], wish: Wish) -> Placed:
        """Read back what became of a post."""
        placed = self.look(self._handle(post))
        if placed is None:
            raise TransferError(f"{post['url']} was posted, and is gone again")
        answered = _VISIBILITIES.get(str(post["visibility"]), Audience.PUBLIC)
        for audience in (answered, placed.audience):
            if audience.wider_than(wish.audience):
                raise AudienceError(
                    f"more people see the post than was asked for ({audience}, not {wish.audience}): it was deleted "
                    "again, but other servers may have a copy; choose another server"
                )
        return placed

    def _take_back(self, post: Mapping[str, Any] | None, mark: str, media: str, error: CloakError) -> None:
        """Delete what was not placed as wished; a picture without a post is deleted by the server within a day."""
        try:
            for left in [post] if post else list(self._marked(mark, pages=1)):
                self.delete(self._handle(left))
            with suppress(CloakError):
                self._account.drop(media)
        except KeptError as kept:
            error.args = (f"{error}; {kept}",)
        except CloakError as second:
            raise type(error)(f"{error}; and the post may still be there: {second}") from error

    def _marked(self, mark: str, *, pages: int) -> Iterator[Mapping[str, Any]]:
        """Yield the posts with a mark."""
        for post in self._account.posts(pages):
            if html.unescape(re.sub(r"<[^>]*>", "", str(post["content"] or ""))).strip() == mark:
                yield post

    def _handle(self, post: Mapping[str, Any]) -> str:
        pictures = [str(media["id"]) for media in post["media_attachments"]] if self.KEEPS else []
        return "/".join([self._account.number, str(post["id"]), *pictures[:1]])

    def _parse(self, handle: str) -> tuple[str, str]:
        """Return the numbers of a post and its picture; "" where the handle has none, as those of earlier versions."""
        account, _, rest = handle.partition("/")
        number, _, picture = rest.partition("/")
        if not number.isalnum() or not (picture or "0").isalnum() or account != self._account.number:
            raise TransferError(
                f"{handle!r} is not a post of this account ({self._account.number}): use the access token of the "
                "account that it is of"
            )
        return number, picture


def _mark(name: str) -> str:
    """Return the letters by which a post is found again; from a random name, they say nothing either."""
    return hashlib.sha256(name.encode()).hexdigest()[:10]
