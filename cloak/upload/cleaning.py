"""Clean up after one upload that was interrupted."""

from datetime import UTC, datetime, timedelta

from cloak.errors import KeptError
from cloak.upload.destination import Destination
from cloak.upload.ledger import Ledger, State

LATE = timedelta(hours=1)
"""For how long a server may still finish what was sent to it after the connection was lost; see `Destination`."""


def clean(
    destination: Destination, ledger: Ledger, identity: str, name: str, *, since: datetime | None
) -> State | None:
    """Delete what an interrupted upload left, and note it.

    Args:
        destination: where it may be.
        ledger: where it is noted.
        identity: its id there.
        name: its name at the destination.
        since: when it was interrupted, at the earliest; None if the server refused it, and so will not finish it.

    Returns:
        `State.DELETED` if there was something; `State.PENDING` if there was not, but may be yet, as a server that was
        slow finishes it: then it stays due; None if there is nothing.
    """
    handle = destination.find(name)
    late: timedelta = getattr(destination, "LATE", LATE)
    if handle is None and since is not None and datetime.now(UTC) - since < late:
        ledger.fail(identity, "not there so far; the server may still finish it")
        return State.PENDING
    if handle is None:
        ledger.drop(identity)
        return None
    try:
        destination.delete(handle)
    except KeptError:
        ledger.keep(identity, handle)  # by its name it is not to be found any more
        raise
    ledger.end(identity, State.DELETED)
    return State.DELETED
