"""A strict Mastodon: takes what its API documentation allows for uploads, and refuses everything else.

Source: docs.joinmastodon.org as of Mastodon 4.5: methods/statuses (create, get, delete), methods/media (v2, get,
delete), methods/accounts (verify_credentials, statuses), methods/instance (v1, v2), api/oauth-scopes. What a real
server does beyond that is not here. `pixelfed` leaves out what Pixelfed lacks: visibility direct, media that can
be deleted.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .loopback import Answer, Loopback, Part, Refused, Request

SCOPES = frozenset({"read:accounts", "read:statuses", "write:media", "write:statuses"})
_STATUS = {"status", "media_ids[]", "sensitive", "spoiler_text", "visibility", "language"}
_LIST = {"only_media", "exclude_reblogs", "exclude_replies", "max_id", "min_id", "since_id", "limit", "pinned"}
_KINDS = {"image/jpeg", "image/png", "image/gif", "image/heic", "image/heif", "image/webp", "image/avif"}


@dataclass
class Media:
    number: str
    owner: str
    part: Part
    description: str | None
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    polls: int = 0
    attached: bool = False


@dataclass
class Post:
    number: str
    owner: str
    text: str
    media: list[str]
    visibility: str


class MastodonFake(Loopback):
    """Accounts are made with `token`.

    Attributes:
        version: what it says it is.
        locked: whether people have to ask before they follow; by default a real one lets everybody.
        slow: how often it says that a picture is still being processed.
        visibility: what it makes of every post, whatever was asked for; None for what was.
        keeps_media: whether pictures outlive their post, as before 4.4.
    """

    def __init__(self, *, version: str = "4.5.0", pixelfed: bool = False) -> None:
        super().__init__()
        self.version, self.pixelfed = version, pixelfed
        self.locked = True
        self.slow, self.visibility, self.keeps_media = 0, None, False
        self.tokens: dict[str, tuple[str, frozenset[str]]] = {}
        self.media: dict[str, Media] = {}
        self.posts: dict[str, Post] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self._last = 1000
        self.posted = 0

    def token(self, account: str = "1", scopes: frozenset[str] = SCOPES) -> str:
        token = secrets.token_hex(16)
        self.tokens[token] = (account, scopes)
        return token

    def answer(self, request: Request) -> Answer:  # noqa: PLR0911 -- one for each call
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["api", "v1" | "v2" as api, "instance"]:
                return self._instance(request, api)
            case "GET", ["api", "v1", "accounts", "verify_credentials"]:
                self._known(request.query, set())
                account = self._account(request, "read:accounts")
                return Answer(body={"id": account, "username": "me", "acct": "me", "locked": self.locked})
            case "GET", ["api", "v1", "accounts", number, "statuses"]:
                return self._list(request, number)
            case "POST", ["api", "v2", "media"]:
                return self._upload(request)
            case "GET", ["api", "v1", "media", number]:
                return self._processed(request, number)
            case "DELETE", ["api", "v1", "media", number] if not self.pixelfed and self.version >= "4.4":
                return self._delete_media(request, number)
            case "POST", ["api", "v1", "statuses"]:
                return self._post(request)
            case "GET", ["api", "v1", "statuses", number]:
                return self._show(request, number)
            case "DELETE", ["api", "v1", "statuses", number]:
                return self._delete(request, number)
            case "GET", ["files", token]:
                return self._file(token)
        raise Refused(404, {"error": "Not Found"})

    def _instance(self, request: Request, api: str) -> Answer:
        self._known(request.query, set())
        version = f"3.5.3 (compatible; Pixelfed {self.version})" if self.pixelfed else self.version
        body: dict[str, Any] = {"version": version, "title": "fake", "uri": "fake.example"}
        if api == "v2" and not self.pixelfed and self.version >= "4.3":
            body["api_versions"] = {"mastodon": 7 if self.version >= "4.5" else 4 if self.version >= "4.4" else 2}
        return Answer(body=body)

    def _account(self, request: Request, scope: str) -> str:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or token not in self.tokens:
            raise Refused(401, {"error": "The access token is invalid"})
        account, scopes = self.tokens[token]
        if scope not in scopes:
            raise Refused(403, {"error": "This action is outside the authorized scopes"})
        return account

    @staticmethod
    def _known(given: dict[str, Any], allowed: set[str]) -> None:
        if unknown := set(given) - allowed:
            raise Refused(422, {"error": f"undocumented parameters: {sorted(unknown)}"})

    @staticmethod
    def _boolean(given: dict[str, list[str]], name: str) -> bool:
        values = given.get(name, ["0"])
        if len(values) != 1 or values[0] not in {"0", "1", "true", "false"}:
            raise Refused(422, {"error": f"{name} is no boolean: {values}"})
        return values[0] in {"1", "true"}

    def _list(self, request: Request, number: str) -> Answer:
        account = self._account(request, "read:statuses")
        self._known(request.query, _LIST)
        limit = int(request.query.get("limit", ["20"])[0])
        if not 1 <= limit <= 40:
            raise Refused(422, {"error": "limit: 40 at most"})
        before = int(request.query.get("max_id", ["999999999"])[0])
        media = self._boolean(request.query, "only_media")
        mine = [
            post
            for post in self.posts.values()
            if post.owner == number and (post.media or not media) and int(post.number) < before and account == number
        ]
        return Answer(body=[self._status(post) for post in sorted(mine, key=lambda post: -int(post.number))][:limit])

    def _upload(self, request: Request) -> Answer:
        account = self._account(request, "write:media")
        fields, files = request.form()
        self._known({**fields, **files}, {"file", "description", "focus", "thumbnail"})
        if set(files) != {"file"} or files["file"].kind not in _KINDS:
            raise Refused(422, {"error": "Validation failed: File content type is invalid, File is invalid"})
        media = Media(self._next(), account, files["file"], fields.get("description", [None])[0])
        self.media[media.number] = media
        return Answer(202 if self.slow else 200, self._attachment(media, ready=not self.slow))

    def _processed(self, request: Request, number: str) -> Answer:
        media = self._own_media(request, number)
        if media.attached:
            raise Refused(404, {"error": "Record not found"})
        media.polls += 1
        ready = media.polls >= self.slow
        return Answer(200 if ready else 206, self._attachment(media, ready=ready))

    def _delete_media(self, request: Request, number: str) -> Answer:
        if self._own_media(request, number).attached:
            raise Refused(422, {"error": "Media attachment is currently used by a status"})
        del self.media[number]
        return Answer(body={})

    def _own_media(self, request: Request, number: str) -> Media:
        account = self._account(request, "write:media")
        self._known(request.query, set())
        if number not in self.media or self.media[number].owner != account:
            raise Refused(404, {"error": "Record not found"})
        return self.media[number]

    def _post(self, request: Request) -> Answer:
        account = self._account(request, "write:statuses")
        given, files = request.form()
        self._known({**given, **files}, _STATUS)
        key = (account, request.headers.get("Idempotency-Key", ""))
        if key[1] and key in self.keys:
            if self.keys[key] not in self.posts:
                raise Refused(404, {"error": "Record not found"})
            return Answer(body=self._status(self.posts[self.keys[key]]))
        numbers = given.get("media_ids[]", [])
        self._check_media(numbers, account, given)
        asked = given.get("visibility", ["public"])[0]
        if asked not in {"public", "unlisted", "private", "direct"}:
            raise Refused(422, {"error": f"visibility {asked} is not included in the list"})
        if self.pixelfed and asked == "direct":
            raise Refused(400, {"error": "Direct visibility is not available."})
        self._boolean(given, "sensitive")
        post = Post(self._next(), account, given.get("status", [""])[0], numbers, self.visibility or asked)
        self.posts[post.number] = post
        self.posted += 1
        if key[1]:
            self.keys[key] = post.number
        for number in numbers:
            self.media[number].attached = True
        return Answer(body=self._status(post))

    def _check_media(self, numbers: list[str], account: str, given: dict[str, list[str]]) -> None:
        if not numbers and not given.get("status", [""])[0]:
            raise Refused(422, {"error": "Validation failed: Text can't be blank"})
        for number in numbers:
            media = self.media.get(number)
            if media is None or media.owner != account or media.attached:
                raise Refused(422, {"error": "Validation failed: media not found or already used"})
            if media.polls < self.slow:
                raise Refused(422, {"error": "Cannot attach files that have not finished processing. Try again later!"})

    def _show(self, request: Request, number: str) -> Answer:
        post = self.posts.get(number)
        seen = post is not None and post.visibility in {"public", "unlisted"}
        self._known(request.query, set())
        if post and not seen and request.headers.get("Authorization"):
            seen = self._account(request, "read:statuses") == post.owner
        if self.pixelfed and not request.headers.get("Authorization"):  # Laravel, to what does not ask for JSON first
            if not request.headers.get("Accept", "").partition(",")[0].endswith("/json"):
                return Answer(302, b"", {"Location": f"{self.address}/login"})
            raise Refused(401, {"error": "Unauthenticated."})
        if post is None or not seen:
            raise Refused(404, {"error": "Record not found"})
        return Answer(body=self._status(post))

    def _delete(self, request: Request, number: str) -> Answer:
        account = self._account(request, "write:statuses")
        given = {**request.query, **request.form()[0]}  # documented for the query; Rails takes it from either
        self._known(given, {"delete_media"} if self.version >= "4.4" and not self.pixelfed else set())
        post = self.posts.get(number)
        if post is None or post.owner != account:
            raise Refused(404, {"error": "Record not found"})
        del self.posts[number]
        if (self._boolean(given, "delete_media") or self.pixelfed) and not self.keeps_media:
            for media in post.media:
                del self.media[media]
        for media in set(post.media) & set(self.media):
            self.media[media].attached = False
        return Answer(body=self._status(post) | {"text": post.text})

    def _file(self, token: str) -> Answer:
        """Show a picture to whoever has its address, as the real servers do."""
        for media in self.media.values():
            if media.token == token:
                return Answer(body=media.part.data, headers={"Content-Type": media.part.kind})
        raise Refused(404, {"error": "Not Found"})

    def _status(self, post: Post) -> dict[str, Any]:
        return {
            "id": post.number,
            "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "visibility": post.visibility,
            "url": f"{self.address}/@me/{post.number}",
            "uri": f"{self.address}/users/me/statuses/{post.number}",
            "content": f"<p>{post.text}</p>",
            "sensitive": False,
            "spoiler_text": "",
            "media_attachments": [
                self._attachment(self.media[number], ready=True) for number in post.media if number in self.media
            ],
        }

    def _attachment(self, media: Media, *, ready: bool) -> dict[str, Any]:
        address = f"{self.address}/files/{media.token}"
        return {
            "id": media.number,
            "type": "image",
            "url": address if ready else None,
            "preview_url": address,
            "remote_url": None,
            "description": media.description,
            "meta": {},
        }

    def _next(self) -> str:
        self._last += 1
        return str(self._last)
