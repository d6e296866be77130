"""What the fields of requests to Immich look like, by its API documentation, and what it tells of a picture."""

import base64
import hashlib
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


def shown(asset: Any) -> dict[str, Any]:
    """What is told of an asset of the fake, in the words of all versions."""
    return {
        "id": asset.number,
        "ownerId": asset.owner,
        "type": "IMAGE",
        "originalFileName": asset.name,
        "checksum": base64.b64encode(hashlib.sha1(asset.data, usedforsecurity=False).digest()).decode(),
        "visibility": asset.visibility,
        "isArchived": asset.visibility == "archive",
        "isTrashed": asset.trashed,
        "exifInfo": {"description": asset.description},
    }
