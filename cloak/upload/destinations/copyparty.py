"""The expiry that copyparty has beside WebDAV: a folder's lifetime, and a shorter one for a file that asks for it.

Source: copyparty's documentation: volflag ``lifetime`` and header ``Life`` of uploads; listings ``?ls`` and ``?ups``.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from cloak.upload.destinations.http import Http

_PATIENCE = 5.0
"""Seconds until the server knows of a file that it took."""

_NONE = frozenset(range(300, 600)) - {408, 423, 425, 429, 502, 503, 504}
"""Answers of servers that show no folders to browsers, which sabre/dav says by 501, and others by a redirect."""


def lifetime(http: "Http", folder: str) -> int:
    """Return after how many seconds the server deletes what a folder holds; 0 for never, and for other servers.

    A folder that is not there, as it deletes empty ones, has that of the one that it would be in.
    """
    said = _listing(http, f"{folder}?ls")
    parent = f"{folder.rstrip('/').rpartition('/')[0]}/"
    if said is None and not parent.endswith("//"):
        return lifetime(http, parent)
    said = said or {}
    settings = said.get("cfg")
    seconds = settings.get("lifetime") if isinstance(settings, dict) and "srvinf" in said else 0
    return seconds if isinstance(seconds, int) else 0


def headers(left: timedelta) -> dict[str, str]:
    """Return what to send with a file that is to be deleted after some time."""
    return {"Life": str(max(1, int(left.total_seconds())))}


def expires(http: "Http", file: str, seconds: int) -> datetime | None:
    """Return when the server deletes a file, as it says itself; None where it does not say.

    It tells of uploads of the last hours only, and takes a file's time of upload back for one that is to live for less
    than the folder's lifetime.

    Args:
        http: the connection.
        file: its address.
        seconds: the folder's lifetime.
    """
    path = unquote(urlsplit(file).path)
    name = path.rpartition("/")[2]
    address = f"{file.rpartition('/')[0]}/?ups&filter={quote(name)}"
    end = time.monotonic() + _PATIENCE
    while True:
        for upload in (_listing(http, address) or {}).get("f", ()):
            if upload.get("at") and path.endswith(unquote(str(upload.get("vp")).partition("?")[0])):
                return datetime.fromtimestamp(upload["at"] + seconds, UTC)
        if time.monotonic() > end:
            return None
        time.sleep(0.2)


def _listing(http: "Http", address: str) -> dict[str, Any] | None:
    """Ask for a listing; None if there is no such folder, {} if the server has no listings."""
    answer = http.call("GET", address, "ask for the expiry", accept=_NONE)
    if answer.status_code == 404:
        return None
    if not answer.is_success or "json" not in answer.headers.get("Content-Type", ""):
        return {}
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
