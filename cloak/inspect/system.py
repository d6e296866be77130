"""What the file system says about a file: when it was changed, and attributes that travel with copies and archives."""

import contextlib
import plistlib
import sys
from datetime import UTC, datetime
from pathlib import Path

from cloak.inspect import attributes
from cloak.inspect.finding import Harm, Notes
from cloak.inspect.text import decoded

_SOURCE = "extended attribute"
_LARGEST = 1 << 16
_NAMES = {
    "user.xdg.origin.url": "downloaded from",
    "user.xdg.referrer.url": "found on the page",
    "user.xdg.origin.email.from": "came by e-mail from",
    "user.xdg.origin.email.subject": "came by e-mail, subject",
    "user.xdg.comment": "comment",
    "user.xdg.tags": "keywords",
    "user.baloo.rating": "rating",
    "kMDItemWhereFroms": "downloaded from",
    "kMDItemFinderComment": "comment",
    "_kMDItemUserTags": "keywords",
    "com.apple.quarantine": "downloaded with",
}
_SYSTEM = ("security.", "system.", "trusted.", "com.apple.FinderInfo", "com.apple.provenance", "com.apple.lastuseddate")


def read(path: Path, notes: Notes) -> None:
    """Say what the file system says. The time of change does not count as found: every file has one."""
    with contextlib.suppress(OSError, OverflowError, ValueError):
        date = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        notes.say(Harm.NAME, "file last changed", f"{date:%Y-%m-%d %H:%M:%S} UTC", source="file system", counts=False)
    if sys.platform == "win32":
        _zone(path, notes)
    for name, value in attributes.read(path).items():
        if not name.startswith(_SYSTEM):
            _attribute(name, value, notes)


def _attribute(name: str, value: bytes, notes: Notes) -> None:
    known = _NAMES.get(name) or _NAMES.get(name.rpartition(":")[2]) or _NAMES.get(name.removeprefix("user."))
    text = _plist(value) if value.startswith(b"bplist") else decoded(value)
    notes.say(Harm.NAME, known or f"attribute {name}", text, source=_SOURCE)


def _plist(value: bytes) -> str:
    """The strings of a binary property list, as macOS stores where a file came from."""
    try:
        content = plistlib.loads(value)
    except Exception:  # noqa: BLE001, RUF100 -- of somebody else's making: whatever is wrong, it is none
        return f"{len(value):,} bytes"
    items = content if isinstance(content, list) else [content]
    return ", ".join(str(item) for item in items[:20] if item)


def _zone(path: Path, notes: Notes) -> None:
    """Where a download came from, as Windows keeps it in a stream beside the file."""
    with contextlib.suppress(OSError):
        for line in Path(f"{path}:Zone.Identifier").read_text("utf-8", "replace")[:_LARGEST].splitlines():
            key, _, value = line.partition("=")
            if key in {"HostUrl", "ReferrerUrl"} and value:
                what = "downloaded from" if key == "HostUrl" else "found on the page"
                notes.say(Harm.NAME, what, value, source="Zone.Identifier")
