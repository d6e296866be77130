"""What is uploaded, and what became of it."""

from dataclasses import dataclass, field
from pathlib import Path

from cloak.upload.destination import Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A file that was protected or stripped, or why there is none.

    Attributes:
        source: the original, as the user knows it.
        path: the file to upload; None after a failure, and where it is in memory.
        content: the file itself, where it is in memory.
        problem: why there is none.
        done: what was done to it, in a few words.
    """

    source: Path
    path: Path | None = None
    content: bytes | None = field(default=None, repr=False)
    problem: str = ""
    done: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of a parcel.

    Attributes:
        parcel: which.
        id: in the ledger; of the older upload, if the same file is there already.
        placed: what the server says of it; None if it was not uploaded.
        reason: why it failed; "" if it did not.
        already: it was there before, and was not uploaded again.
        notes: what people should know about it.
    """

    parcel: Parcel
    id: str = ""
    placed: Placed | None = None
    reason: str = ""
    already: bool = False
    notes: tuple[str, ...] = ()
