"""What the fields of requests to Immich look like, by its API documentation."""

from datetime import datetime
from typing import Any
from uuid import UUID


def uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def text(value: Any) -> bool:
    return isinstance(value, str)


def boolean(value: Any) -> bool:
    return isinstance(value, bool)


def word(value: Any) -> bool:
    """A truth value in a form."""
    return value in {"true", "false"}


def uuids(value: Any) -> bool:
    return isinstance(value, list) and all(uuid(each) for each in value)


def visibility(value: Any) -> bool:
    return value in {"archive", "timeline", "hidden", "locked"}


def count(value: Any) -> bool:
    return isinstance(value, int) and 1 <= value <= 1000


UPLOAD = {"fileCreatedAt": time, "fileModifiedAt": time}
LINK = {
    "assetIds": uuids,
    "albumId": uuid,
    "description": text,
    "password": text,
    "slug": text,
    "expiresAt": time,
    "allowUpload": boolean,
    "allowDownload": boolean,
    "showMetadata": boolean,
}
