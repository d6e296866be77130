"""How uploads are told of: words for people, documents for machines."""

from datetime import datetime
from typing import Any

from cloak.upload.destination import Audience
from cloak.upload.ledger import Entry
from cloak.upload.send import Sent

WHO = {
    Audience.OWNER: "only you can see it",
    Audience.LINK: "whoever has the link can see it",
    Audience.FOLLOWERS: "those who follow you there, or whom it is shared with there, can see it",
    Audience.PUBLIC: "EVERYBODY can see it",
}

RECALL = (
    "Deleting takes it from where it was put. What others copied or saved stays copied, and other servers that got it "
    "may keep theirs."
)
"""What goes wherever something is said to be up or deleted."""


def when(time: datetime | None) -> str:
    """Return a time as people read it, here."""
    return f"{time.astimezone():%Y-%m-%d %H:%M}" if time else "never"


def stamp(time: datetime | None) -> str | None:
    """Return a time as machines read it."""
    return time.isoformat() if time else None


def told(entry: Entry) -> dict[str, Any]:
    """Return an upload as a document."""
    return {
        "id": entry.id,
        "destination": entry.destination,
        "state": str(entry.state),
        "name": entry.name,
        "audience": entry.audience and str(entry.audience),
        "handle": entry.handle,
        "sha256": entry.sha256,
        "size": entry.size,
        "started": stamp(entry.started),
        "placed": stamp(entry.placed),
        "expires": stamp(entry.expires),
        "server_expires": stamp(entry.server_expires),
        "deleted": stamp(entry.deleted),
        "note": entry.note,
        "problem": entry.problem,
    }


def sent_document(sent: Sent, expires: datetime | None) -> dict[str, Any]:
    """Return what became of a photo as a document; its link and password are said here and nowhere else."""
    placed = sent.placed
    return {
        "source": str(sent.parcel.source),
        "status": "uploaded" if placed else "already there" if sent.already else "failed",
        "reason": sent.reason,
        "id": sent.id or None,
        "done": sent.parcel.done,
        "audience": placed and str(placed.audience),
        "expires": stamp(expires) if placed else None,
        "server_expires": placed and stamp(placed.expires),
        "handle": placed and placed.handle,
        "link": placed and placed.link,
        "password": placed and placed.password,
        "notes": list(sent.notes),
    }
