"""The calls that uploads need of the Mastodon API, through Mastodon.py, with errors of ours.

Source: docs.joinmastodon.org, methods statuses, media, accounts and instance, as of Mastodon 4.5.
"""

import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import mastodon
import requests

from cloak.errors import AudienceError, KeptError, TransferError, TransientError
from cloak.upload.credentials import Secret
from cloak.upload.destination import Item
from cloak.upload.destinations import anonymous
from cloak.upload.destinations.fediverse_errors import Session, status_of, translated

_PAGE = 40
"""Posts in an answer, at most."""

_PATIENCE = 60.0
"""Seconds to wait for a server to process a picture, or to delete it."""


class Account:
    """An account of a server that speaks Mastodon's API."""

    def __init__(self, server: str, token: Secret) -> None:
        self._server, self._token = server, token
        self._session = Session()
        self._client = mastodon.Mastodon(
            access_token=token.token("access token"),
            api_base_url=server,
            ratelimit_method="throw",  # whoever uploads waits and tries again
            request_timeout=60,
            session=self._session.http,
            user_agent="photo-cloak",
        )

    def close(self) -> None:
        """Let go of connections."""
        self._session.http.close()

    @cached_property
    def number(self) -> str:
        """The account's number on its server."""
        with translated(f"sign in to {self._server}", self._session):
            return str(self._client.account_verify_credentials()["id"])

    @property
    def locked(self) -> bool:
        """Whether people have to ask before they follow the account; not by Mastodon's default. Asked each time."""
        with translated(f"ask who may follow on {self._server}", self._session):
            return self._client.account_verify_credentials().get("locked") is True

    def check(self) -> None:
        """See that the token is good for reading; only a post shows whether it is for posting."""
        for _ in self.posts(1):
            break

    def send(self, item: Item) -> tuple[str, bool]:
        """Upload a picture; others than Mastodon may show the name of its file.

        Returns:
            its number, and whether the server is done with it.
        """
        kind = f"image/{item.file.container}"
        with translated(f"send a picture to {self._server}", self._session), self._session.counted(item.told):
            media = self._client.media_post(item.file.data, kind, description=item.alt or None, file_name=item.name)
        return str(media["id"]), bool(media["url"])

    def wait(self, media: str) -> None:
        """Wait until the server is done with a picture.

        Raises:
            TransientError: it takes too long.
            TransferError: the server does not take it.
        """
        end = time.monotonic() + _PATIENCE
        with translated(f"have a picture processed on {self._server}", self._session):
            while not self._client.media(media)["url"]:
                if time.monotonic() > end:
                    raise TransientError(f"{self._server} did not process the picture within {_PATIENCE:.0f} s")
                time.sleep(0.5)

    def publish(self, text: str, media: str, visibility: str, key: str) -> Mapping[str, Any]:
        """Post a picture; with the key of an earlier post, that one is returned.

        Args:
            text: of the post.
            media: number of the picture.
            visibility: in Mastodon's words.
            key: sent as ``Idempotency-Key``.
        """
        with translated(f"post to {self._server}", self._session):
            try:
                return self._publish(text, media, visibility, key)
            except mastodon.MastodonNotFoundError:  # the post of that key was deleted, and the server remembers the key
                return self._publish(text, media, visibility, f"{key}-{media}")

    def _publish(self, text: str, media: str, visibility: str, key: str) -> Mapping[str, Any]:
        return self._whole(
            self._client.status_post(text, media_ids=[media], visibility=visibility, idempotency_key=key)
        )

    def post(self, number: str) -> Mapping[str, Any] | None:
        """Return a post; None if there is none, by the word of the server that knows the account."""
        with translated(f"look at a post on {self._server}", self._session):
            try:
                return self._whole(self._client.status(number))
            except mastodon.MastodonAPIError as error:
                if status_of(error) not in {404, 410}:
                    raise
        self._confirm()
        return None

    def _confirm(self) -> None:
        """See that it is the server which said that there is nothing: a proxy before one that is down says so, too.

        Raises:
            TransferError: it is not.
        """
        with translated(f"sign in to {self._server}", self._session):
            number = str(self._client.account_verify_credentials()["id"])
        if number != self.number:
            raise TransferError(f"{self._server} answers for another account than before: is that its address?")

    def posts(self, pages: int) -> Iterator[Mapping[str, Any]]:
        """Yield the account's posts that have pictures, the newest first."""
        last = None
        for _ in range(pages):
            with translated(f"list posts on {self._server}", self._session):
                page = self._client.account_statuses(
                    self.number, only_media=True, exclude_reblogs=True, max_id=last, limit=_PAGE
                )
            yield from page
            if len(page) == 0:
                return
            last = page[-1]["id"]

    def seen_by_all(self, number: str) -> bool:
        """Whether somebody without an account gets to see a post.

        Raises:
            TransientError: the answer says neither yes nor no.
            AudienceError: nor will it the next time.
        """
        status = anonymous.status_of(f"{self._server}/api/v1/statuses/{number}", "see who sees a post")
        if 300 <= status < 400:
            raise AudienceError(f"cannot tell whether others see the post: {self._server} answered them {status}")
        return status < 400

    def delete(self, number: str, pictures: list[str]) -> None:
        """Delete a post and its pictures, and wait until they are gone.

        Args:
            number: of the post.
            pictures: their addresses.

        Raises:
            TransferError: they may still be there.
            KeptError: the pictures are there, and the post is not.
        """
        with translated(f"delete a post on {self._server}", self._session):
            at_once = self._client.verify_minimum_version("4.4.0", cached=True)
            self._client.status_delete(number, delete_media=True if at_once else None)
        end = time.monotonic() + _PATIENCE / 4
        while self.post(number) is not None:
            if time.monotonic() > end:
                raise TransferError(f"post {number} on {self._server} is still there after it was deleted")
            time.sleep(0.5)
        while any(map(self._shows, pictures)):
            if time.monotonic() > end:
                raise self._kept(number)
            time.sleep(0.5)

    def see_gone(self, number: str, picture: str) -> None:
        """Delete what is left of a post that is gone.

        Args:
            number: of the post.
            picture: its number.

        Raises:
            KeptError: the server keeps the picture for a while.
        """
        if self.left(picture) is not None:
            self.drop(picture)
            if self.left(picture) is not None:
                raise self._kept(number)

    def left(self, picture: str) -> str | None:
        """Return the address of a picture whose post is gone, by its number; None if it is gone as well."""
        with translated(f"look at a picture on {self._server}", self._session):
            try:
                address = self._client.media(picture)["url"]
            except mastodon.MastodonAPIError as error:
                if status_of(error) not in {404, 410}:
                    raise
                address = None
        if address is None:
            self._confirm()
            return None
        return str(address) if self._shows(str(address)) else None

    def drop(self, media: str) -> None:
        """Delete a picture that is in no post; servers before 4.4 do that by themselves, within a day."""
        with translated(f"delete a picture on {self._server}", self._session):
            at_once = self._client.verify_minimum_version("4.4.0", cached=True)
        if at_once:  # Mastodon.py has no method for it
            address, headers = (
                f"{self._server}/api/v1/media/{media}",
                {"Authorization": f"Bearer {self._token.reveal()}"},
            )
            try:
                self._session.http.delete(address, headers=headers, timeout=60).raise_for_status()
            except requests.RequestException as error:
                raise TransferError(f"cannot delete a picture on {self._server}: {type(error).__name__}") from None

    @staticmethod
    def _shows(address: str) -> bool:
        """Whether a picture is there, for whoever has its address."""
        return anonymous.status_of(address, "see whether a picture is gone") not in {401, 403, 404, 410}

    def _kept(self, number: str) -> KeptError:
        return KeptError(
            f"the picture of post {number}, which GoToSocial and Mastodon before 4.4 keep for a day, is still on "
            f"{self._server} after it was deleted, for whoever has its address"
        )

    def _whole(self, post: Mapping[str, Any]) -> Mapping[str, Any]:
        missing = [name for name in ("id", "visibility", "url", "media_attachments") if post.get(name) is None]
        if missing:
            raise TransferError(f"{self._server} does not say of a post: {', '.join(missing)}; is that its address?")
        return post
