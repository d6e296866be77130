"""A strict Immich: takes what its API documentation allows for uploads, and refuses everything else.

Source: the OpenAPI documents of Immich 1.118, 2.7 and 3.0 and its permissions. Version 3 refuses deviceAssetId and
deviceId, earlier ones ask for them; before 1.133 pictures were archived or not. A search that does not ask for the
archive leaves it out, as in the source of Immich. Pictures deleted by force are gone a moment later, by a job.
"""

import base64
import hashlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from . import immich_shapes as shapes
from .loopback import Answer, Loopback, Refused, Request

PERMISSIONS = frozenset(
    {
        "user.read",
        "asset.upload",
        "asset.read",
        "asset.update",
        "asset.delete",
        "asset.share",
        "album.read",
        "album.create",
        "albumAsset.create",
        "sharedLink.create",
        "sharedLink.read",
        "sharedLink.delete",
    }
)
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".tif", ".tiff", ".gif", ".bmp", ".jp2")
_DELAY = 0.3


@dataclass
class Asset:
    owner: str
    name: str
    data: bytes
    visibility: str
    number: str = field(default_factory=lambda: str(uuid.uuid4()))
    description: str = ""
    trashed: bool = False
    ends: float | None = None


class ImmichFake(Loopback):
    """Keys are made with `key`.

    Attributes:
        version: major, minor and patch.
        visibility: what it makes of every picture, whatever was asked for; None for what was.
        link: what it makes of links, whatever was asked for.
        open: whether everybody may see every picture.
    """

    def __init__(self, *, version: tuple[int, int, int] = (3, 0, 3)) -> None:
        super().__init__()
        self.version = version
        self.visibility: str | None = None
        self.link: dict[str, Any] = {}
        self.open = False
        self.keys: dict[str, tuple[str, frozenset[str]]] = {}
        self.assets: dict[str, Asset] = {}
        self.albums: dict[str, dict[str, Any]] = {}
        self.links: dict[str, dict[str, Any]] = {}
        self.uploads = 0

    @property
    def old(self) -> bool:
        """Whether pictures have no visibility yet."""
        return self.version < (1, 133)

    def key(self, user: str | None = None, permissions: frozenset[str] = PERMISSIONS) -> str:
        key = uuid.uuid4().hex
        self.keys[key] = (user or str(uuid.uuid4()), permissions)
        return key

    def answer(self, request: Request) -> Answer:  # noqa: PLR0911, PLR0912 -- one for each call
        for number in [number for number, asset in self.assets.items() if asset.ends and asset.ends < time.monotonic()]:
            del self.assets[number]
        match request.method, request.path.strip("/").split("/")[1:]:
            case "GET", ["server", "version"]:
                return Answer(body=dict(zip(("major", "minor", "patch"), self.version, strict=True)))
            case "GET", ["users", "me"]:
                return Answer(body={"id": self._user(request, "user.read"), "name": "me", "email": "me@example.org"})
            case "POST", ["assets"]:
                return self._upload(request)
            case "GET", ["assets", number]:
                return Answer(body=self._told(self._asset(request, number)))
            case "PUT", ["assets", number]:
                return self._update(request, number)
            case "DELETE", ["assets"]:
                return self._delete(request)
            case "POST", ["search", "metadata"]:
                return self._search(request)
            case "GET" | "POST", ["albums"]:
                return self._albums(request)
            case "PUT", ["albums", number, "assets"]:
                return self._fill(request, number)
            case "POST", ["shared-links"]:
                return self._share(request)
            case "GET", ["shared-links"]:
                return self._links(request)
            case "GET", ["shared-links", "me"]:
                return self._mine(request)
            case "GET" | "DELETE", ["shared-links", number]:
                return self._shared(request, number)
        raise Refused(404, {"message": f"Cannot {request.method} {request.path}", "statusCode": 404})

    def _user(self, request: Request, permission: str) -> str:
        key = request.headers.get("x-api-key")
        if key not in self.keys:
            raise Refused(401, {"message": "Invalid API key" if key else "Authentication required", "statusCode": 401})
        user, permissions = self.keys[key]
        if permission not in permissions:
            raise Refused(403, {"message": f"Missing required permission: {permission}", "statusCode": 403})
        return user

    @staticmethod
    def _bad(*messages: str) -> Refused:
        return Refused(400, {"message": list(messages), "error": "Bad Request", "statusCode": 400})

    def _valid(
        self,
        given: Any,
        required: Mapping[str, Callable[[Any], bool]],
        optional: Mapping[str, Callable[[Any], bool]] | None = None,
    ) -> dict[str, Any]:
        """Refuse what is undocumented, missing or of another type."""
        known = {**required, **(optional or {})}
        wrong = [f"property {name} should not exist" for name in set(given) - set(known)]
        wrong += [f"{name} is missing" for name in set(required) - set(given)]
        wrong += [f"{name} is of the wrong type" for name in set(given) & set(known) if not known[name](given[name])]
        if wrong:
            raise self._bad(*wrong)
        return dict(given)

    def _upload(self, request: Request) -> Answer:
        user = self._user(request, "asset.upload")
        fields, files = request.form()
        device = {"deviceAssetId": shapes.text, "deviceId": shapes.text} if self.version[0] < 3 else {}
        flat = {name: values[0] for name, values in fields.items()}
        where = {"isArchived": shapes.word} if self.old else {"visibility": shapes.visibility}
        given = self._valid(flat, shapes.UPLOAD | device, {**where, "filename": shapes.text, "duration": shapes.text})
        given.setdefault("visibility", "archive" if given.get("isArchived") == "true" else "timeline")
        if set(files) != {"assetData"} or not files["assetData"].data:
            raise self._bad("assetData is missing")
        part = files["assetData"]
        if not part.filename.lower().endswith(_SUFFIXES):
            raise self._bad(f"Unsupported file type {part.filename}")
        checksum = request.headers.get("x-immich-checksum")
        if checksum is not None and checksum != hashlib.sha1(part.data, usedforsecurity=False).hexdigest():
            raise self._bad("checksum does not match")
        for asset in self.assets.values():
            if asset.owner == user and asset.data == part.data:
                return Answer(200, {"id": asset.number, "status": "duplicate"})
        visibility = self.visibility or str(given["visibility"])
        made = Asset(user, part.filename, part.data, visibility)
        self.assets[made.number] = made
        self.uploads += 1
        return Answer(201, {"id": made.number, "status": "created"})

    def _asset(self, request: Request, number: str, permission: str = "asset.read") -> Asset:
        if not shapes.uuid(number):
            raise self._bad("id must be a UUID")
        user = None if self.open and "x-api-key" not in request.headers else self._user(request, permission)
        asset = self.assets.get(number)
        if asset is None or user not in {None, asset.owner}:
            raise Refused(400, {"message": f"Not found or no {permission} access", "statusCode": 400})
        return asset

    def _update(self, request: Request, number: str) -> Answer:
        asset = self._asset(request, number, "asset.update")
        given = self._valid(request.json(), {}, {"description": shapes.text, "visibility": shapes.visibility})
        asset.description = given.get("description", asset.description)
        asset.visibility = given.get("visibility", asset.visibility)
        return Answer(body=self._told(asset))

    def _delete(self, request: Request) -> Answer:
        user = self._user(request, "asset.delete")
        given = self._valid(request.json(), {"ids": shapes.uuids}, {"force": shapes.boolean})
        found = [self.assets.get(number) for number in given["ids"]]
        if any(asset is None or asset.owner != user for asset in found):
            raise self._bad("Not found or no asset.delete access")
        for asset in filter(None, found):
            asset.trashed = True
            if given.get("force"):
                asset.ends = time.monotonic() + _DELAY
        return Answer(204)

    def _search(self, request: Request) -> Answer:
        user = self._user(request, "asset.read")
        optional = {
            "originalFileName": shapes.text,
            "withDeleted": shapes.boolean,
            "size": shapes.count,
            "page": shapes.count,
            **({"withArchived": shapes.boolean} if self.old else {"visibility": shapes.visibility}),
        }
        given = self._valid(request.json(), {}, optional)
        part = given.get("originalFileName", "").lower()
        seen = {"archive", "timeline"} if given.get("withArchived") else {given.get("visibility", "timeline")}
        own = [one for one in self.assets.values() if one.owner == user and one.visibility in seen]
        found = [one for one in own if part in one.name.lower() and (given.get("withDeleted") or not one.trashed)]
        items = [self._told(asset) for asset in found[: given.get("size", 250)]]
        return Answer(body={"assets": {"total": len(items), "count": len(items), "items": items, "nextPage": None}})

    def _albums(self, request: Request) -> Answer:
        if request.method == "GET":
            user = self._user(request, "album.read")
            if set(request.query) - {"assetId", "shared"}:
                raise self._bad(f"undocumented parameters: {sorted(request.query)}")
            own = [album for album in self.albums.values() if album["ownerId"] == user]
            held = request.query.get("assetId", [])
            return Answer(body=[album for album in own if not held or held[0] in album["held"]])
        user = self._user(request, "album.create")
        given = self._valid(
            request.json(), {"albumName": shapes.text}, {"assetIds": shapes.uuids, "description": shapes.text}
        )
        number = str(uuid.uuid4())
        names = {"id": number, "albumName": given["albumName"], "ownerId": user}
        self.albums[number] = names | {"shared": False, "hasSharedLink": False, "held": given.get("assetIds", [])}
        return Answer(201, self.albums[number])

    def _fill(self, request: Request, number: str) -> Answer:
        user = self._user(request, "albumAsset.create")
        given = self._valid(request.json(), {"ids": shapes.uuids})
        album = self.albums.get(number)
        if album is None or album["ownerId"] != user:
            raise Refused(400, {"message": "Not found or no albumAsset.create access", "statusCode": 400})
        answers = []
        for each in given["ids"]:
            new = each not in album["held"]
            answers.append({"id": each, "success": new} | ({} if new else {"error": "duplicate"}))
            album["held"] += [each] if new else []
        return Answer(body=answers)

    def _share(self, request: Request) -> Answer:
        user = self._user(request, "sharedLink.create")
        given = self._valid(request.json(), {"type": shapes.text}, shapes.LINK)
        if given["type"] != "INDIVIDUAL" or not given.get("assetIds"):
            raise self._bad("Invalid assetIds")
        for number in given["assetIds"]:
            self._asset(request, number, "asset.share")
        number = str(uuid.uuid4())
        metadata = given.get("showMetadata", True)
        self.links[number] = {
            "id": number,
            "userId": user,
            "key": base64.urlsafe_b64encode(uuid.uuid4().bytes * 3).decode().rstrip("="),
            "type": "INDIVIDUAL",
            "password": given.get("password"),
            "expiresAt": given.get("expiresAt"),
            "allowUpload": given.get("allowUpload", True),
            "allowDownload": metadata and given.get("allowDownload", True),
            "showMetadata": metadata,
            "createdAt": datetime.now(UTC).isoformat(),
            "description": given.get("description"),
            "assets": given["assetIds"],
        } | self.link
        return Answer(201, self.links[number])

    def _links(self, request: Request) -> Answer:
        user = self._user(request, "sharedLink.read")
        if request.query:
            raise self._bad(f"undocumented parameters: {sorted(request.query)}")
        own = [link for link in self.links.values() if link["userId"] == user]
        return Answer(body=[link | {"assets": [{"id": number} for number in link["assets"]]} for link in own])

    def _shared(self, request: Request, number: str) -> Answer:
        user = self._user(request, "sharedLink.delete" if request.method == "DELETE" else "sharedLink.read")
        if number not in self.links or self.links[number]["userId"] != user:
            raise self._bad("Shared link not found")
        if request.method == "GET":
            return Answer(body=self.links[number])
        del self.links[number]
        return Answer(204)

    def _mine(self, request: Request) -> Answer:
        """Show a link to whoever has it: not after its end, and not without its password, which is sent elsewhere."""
        if set(request.query) - {"key", "slug"}:
            raise self._bad(f"undocumented parameters: {sorted(request.query)}")
        found = [link for link in self.links.values() if [link["key"]] == request.query.get("key")]
        if not found or (found[0]["expiresAt"] and datetime.fromisoformat(found[0]["expiresAt"]) < datetime.now(UTC)):
            raise Refused(401, {"message": "Invalid share key", "statusCode": 401})
        if found[0]["password"]:
            raise Refused(401, {"message": "Password required", "statusCode": 401})
        return Answer(body=found[0])

    def _told(self, asset: Asset) -> dict[str, Any]:
        return {name: value for name, value in shapes.shown(asset).items() if not self.old or name != "visibility"}
