"""Tell a disk that is away from one that is empty: a mount point may stay, as an empty folder, when its disk is gone.

That a folder was the mount point of a disk is noted beside the ledger, as a file whose name says nothing to others.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from cloak.names import shown
from cloak.upload import places


def away(folder: Path) -> str:
    """Say that a disk was mounted at a folder and is not now; "" if all is well. A disk that is there is noted."""
    note = _note(folder)
    if os.path.ismount(os.path.realpath(folder)):
        with suppress(OSError):  # where nothing can be noted, no ledger can be kept either, and that is said
            places.private_folder(note.parent)
            note.touch(mode=0o600)
        return ""
    if not note.exists():
        return ""
    return (
        f"no disk is at {shown(folder)}, where one was: connect it; if there will never be one again, delete "
        f"{shown(note)}"
    )


def _note(folder: Path) -> Path:
    # the path as it was given: a link to a mount point leads to another place when the disk is away
    named = os.fsencode(os.path.abspath(folder))  # noqa: PTH100 -- resolve() follows links
    return places.spool().parent / "disks" / hashlib.sha256(named).hexdigest()[:32]
