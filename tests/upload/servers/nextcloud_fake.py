"""A strict Nextcloud: what its documentation says of shares and the trash bin, over a real WebDAV server.

Source: Nextcloud's developer manual, "OCS Share API", "Trashbin" and "Capabilities API"; the type Share of its
OpenAPI document. Takes the arguments that are documented there, and refuses everything else. Links end at the beginning
of a day.
"""

import base64
import json
import re
import secrets
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .gate import Gate
from .loopback import Answer, Refused, Request

SHARES = "/ocs/v2.php/apps/files_sharing/api/v1/shares"
CREATE = {
    "path",
    "shareType",
    "shareWith",
    "publicUpload",
    "password",
    "permissions",
    "expireDate",
    "note",
}


class NextcloudFake(Gate):
    """Its users' files lie below `files` as WebDAV has them.

    Attributes:
        version: what it says it is; ownCloud says that it is 10.
        today: what day it is there.
        made: what it makes of links, whatever was asked for.
        shares: number and content of each share.
        careless: whether links open without their password.
    """

    def __init__(self, server: str, files: Path, user: str, password: str) -> None:
        super().__init__(server)
        self._files, self._user = files, user
        self._basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.version = (31, 0, 2)
        self.today = datetime.now(UTC).date()
        self.made: dict[str, Any] = {}
        self.shares: dict[str, dict[str, Any]] = {}
        self.careless = False
        self.home = files / "remote.php" / "dav" / "files" / user
        self.trash = files / "remote.php" / "dav" / "trashbin" / user / "trash"
        self.home.mkdir(parents=True, exist_ok=True)
        self.trash.mkdir(parents=True, exist_ok=True)

    def answer(self, request: Request) -> Answer:
        for number in [number for number, share in self.shares.items() if self._ended(share)]:
            del self.shares[number]
        if request.path.startswith("/ocs/"):
            return self._ocs(request)
        if request.path.startswith("/s/"):
            return self._open(request)
        path = self._files / unquote(request.path).strip("/")
        if request.method == "DELETE" and path.is_relative_to(self.home) and path.is_file():
            if request.headers.get("Authorization") != self._basic:
                return Answer(401)
            path.rename(self.trash / f"{path.name}.d{secrets.randbelow(10**9)}")
            self._unshare(f"/{path.relative_to(self.home).as_posix()}")
            return Answer(204)
        return super().answer(request)

    def share(self, path: str, kind: int = 0) -> None:
        """Share a folder, as somebody may have done before."""
        number = str(len(self.shares) + 1)
        self.shares[number] = {"id": number, "path": path, "share_type": kind, "permissions": 31, "expiration": None}

    def _unshare(self, path: str) -> None:
        for number in [number for number, share in self.shares.items() if share["path"] == path]:
            del self.shares[number]

    def _ended(self, share: dict[str, Any]) -> bool:
        return bool(share["expiration"]) and date.fromisoformat(share["expiration"][:10]) <= self.today

    def _open(self, request: Request) -> Answer:
        token, _, rest = request.path.removeprefix("/s/").partition("/")
        share = next((share for share in self.shares.values() if share.get("token") == token), None)
        if share is None:
            return Answer(404, b"<html>Share not found</html>", {"Content-Type": "text/html"})
        if rest == "download" and (self.careless or not share["password"]):
            return Answer(200, (self.home / share["path"].strip("/")).read_bytes(), {"Content-Type": "image/jpeg"})
        if rest == "download":
            return Answer(303, b"", {"Location": f"/s/{token}/authenticate/downloadShare"})
        return Answer(200, b"<html>This share is password-protected</html>", {"Content-Type": "text/html"})

    @staticmethod
    def _meta(status: int, message: str, data: Any = ()) -> dict[str, Any]:
        state = "ok" if status == 200 else "failure"
        return {"ocs": {"meta": {"status": state, "statuscode": status, "message": message}, "data": data or []}}

    def _refused(self, status: int, message: str) -> Refused:
        return Refused(status, self._meta(status, message))

    def _ocs(self, request: Request) -> Answer:
        if request.headers.get("OCS-APIRequest") != "true":
            raise self._refused(412, "CSRF check failed")
        if request.headers.get("Authorization") != self._basic:
            raise self._refused(401, "Current user is not logged in")
        if "json" not in request.headers.get("Accept", ""):
            return Answer(200, b"<?xml version='1.0'?><ocs/>", {"Content-Type": "application/xml"})
        if (request.method, request.path) == ("GET", "/ocs/v2.php/cloud/capabilities"):
            version = dict(zip(("major", "minor", "micro"), self.version, strict=True))
            return Answer(body=self._meta(200, "OK", {"version": version, "capabilities": {}}))
        _, _, number = request.path.partition(f"{SHARES}/")
        if not request.path.startswith(SHARES) or (number and number not in self.shares):
            raise self._refused(404, "Wrong share ID, share does not exist")
        match request.method, bool(number):
            case "GET", False:
                return self._list(request)
            case "GET", True:
                return Answer(body=self._meta(200, "OK", [self.shares[number]]))
            case "POST", False:
                return Answer(body=self._meta(200, "OK", self._create(request)))
            case "DELETE", True:
                del self.shares[number]
                return Answer(body=self._meta(200, "OK"))
        raise self._refused(405, "Method not allowed")

    def _list(self, request: Request) -> Answer:
        if set(request.query) - {"path", "reshares", "subfiles"}:
            raise self._refused(400, f"undocumented arguments: {sorted(request.query)}")
        path = request.query["path"][0]
        if not (self.home / path.strip("/")).exists():
            raise self._refused(404, "Wrong path, file/folder does not exist")
        return Answer(body=self._meta(200, "OK", [share for share in self.shares.values() if share["path"] == path]))

    def _create(self, request: Request) -> dict[str, Any]:
        fields, files = request.form()
        given = {name: values[0] for name, values in fields.items()}
        if files or set(given) - CREATE or any(len(values) > 1 for values in fields.values()):
            raise self._refused(400, f"undocumented arguments: {sorted(given)}")
        if given.get("shareType") != "3":
            raise self._refused(400, "Unknown share type")
        path = given.get("path", "")
        if not path.startswith("/") or not (self.home / path.strip("/")).is_file():
            raise self._refused(404, "Wrong path, file/folder does not exist")
        if not re.fullmatch(r"1|17", given.get("permissions", "1")):
            raise self._refused(400, "files allow reading only")
        password = given.get("password", "")
        if password and (len(password) < 10 or password.isalnum() or password.lower() == password):
            raise self._refused(400, "Password does not please the policy")
        number, token = str(len(self.shares) + 1), secrets.token_urlsafe(9)
        self.shares[number] = {
            "id": number,
            "share_type": 3,
            "uid_owner": self._user,
            "path": path,
            "permissions": 17,
            "expiration": self._day(given["expireDate"]) if "expireDate" in given else None,
            "password": "redacted" if password else None,
            "token": token,
            "url": f"{self.address}/s/{token}",
        } | self.made
        return json.loads(json.dumps(self.shares[number]))

    def _day(self, said: str) -> str:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", said):
            raise self._refused(404, "Invalid date. Format must be YYYY-MM-DD")
        if date.fromisoformat(said) < self.today + timedelta(days=1):
            raise self._refused(404, "Expiration date is in the past")
        return f"{said} 00:00:00"
