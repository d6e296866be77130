"""Bring prepared photos to a destination: each once, noted before it leaves, and never for more eyes than wished."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cloak.errors import AudienceError, TransferError, TransientError, UploadError, UsageError
from cloak.upload import runs
from cloak.upload.backoff import Backoff
from cloak.upload.delivery import NOT_TRIED, Delivery
from cloak.upload.destination import Audience, Destination, Wish
from cloak.upload.errors import understood
from cloak.upload.ledger import Ledger
from cloak.upload.outage import Outage
from cloak.upload.parcel import Parcel, Sent

__all__ = ["FIRST_LOOK", "Parcel", "Sent", "check", "check_wish", "deliver"]

FIRST_LOOK = Backoff(attempts=3)
"""A server that is busy gets its time; a mistyped address is not waited for long."""


def check(destination: Destination, wish: Wish, name: str, backoff: Backoff = FIRST_LOOK) -> None:
    """Refuse before any work what cannot be done.

    Args:
        destination: which.
        wish: what will be asked for.
        name: what the user calls the destination.
        backoff: how often to try where it is busy, or not to be reached.

    Raises:
        UsageError, AudienceError: see `check_wish`.
        UploadError: the destination cannot be used.
    """
    check_wish(destination, wish, name)
    try:
        with understood(name):
            backoff.call(lambda: destination.check(wish))
    except TransientError as error:
        raise UploadError(f"{error}: try again later, or check the address and the network") from error
    except TransferError as error:
        raise UploadError(f"{error}: check the address and the network") from error


def check_wish(destination: Destination, wish: Wish, name: str) -> None:
    """Refuse what cannot be done by what is known of a destination here, without asking it.

    Raises:
        UsageError: the expiry is in the past.
        AudienceError: the destination cannot keep to the audience.
    """
    if wish.expires is not None and wish.expires <= datetime.now(UTC):
        raise UsageError(f"{wish.expires:%Y-%m-%d %H:%M} is in the past: give a later --expires, such as 30d")
    if wish.audience not in destination.AUDIENCES:
        offered = ", ".join(f"--{'private' if one is Audience.OWNER else one}" for one in destination.AUDIENCES)
        if destination.AUDIENCES == (Audience.PUBLIC,):
            raise AudienceError(
                f"whatever is uploaded to {name} is public: pass --public if it may be, or choose another"
            )
        raise AudienceError(f"{name} cannot keep an upload to {wish.audience!s}: it has {offered}")


def deliver(
    parcels: Iterable[Parcel],
    destination: Destination,
    ledger: Ledger,
    *,
    place: str,
    wish: Wish,
    alt: str = "",
    note: str = "",
    again: bool = False,
    backoff: Backoff | None = None,
    run: str | None = None,
    told: Callable[[Parcel, int, int], object] = lambda *_: None,
    sources: Sequence[Path] = (),
    outage: Outage | None = None,
) -> Generator[Sent, None, None]:
    """Upload files one after the other; yield what became of each.

    Each is scanned once more as it is read; what does not pass stays here. A file that fails is one result, and what it
    may have left is deleted or stays due in the ledger. After `cloak.upload.outage.GIVE_UP` photos in a row that could
    not connect, no more are tried: each of the others is a result that says so.

    Args:
        parcels: what to upload; taken as they come.
        destination: where to; see `check`.
        ledger: where it is noted.
        place: the destination's name in the ledger.
        wish: what to ask for.
        alt: what the pictures show.
        note: kept with them in the ledger until they are deleted.
        again: upload what is there already once more.
        backoff: how often to try.
        run: the name of a run that goes on around this; one of its own if None.
        told: called with a parcel, how many bytes of it have left, and how many it has.
        sources: the `Parcel.source` of all parcels, if they are known: with them, those that are not tried are named
            without being made.
        outage: that of the server, for several calls that are one run; one of its own if None.

    Raises:
        UploadError: nothing more can be uploaded.
        LedgerError: nothing more can be noted, and so nothing more is uploaded.
    """
    if run is None:
        with runs.running() as own:
            yield from deliver(
                parcels, destination, ledger, place=place, wish=wish, alt=alt, note=note, again=again,
                backoff=backoff, run=own.name, told=told, sources=sources, outage=outage,
            )  # fmt: skip
        return
    outage = outage or Outage()
    one = Delivery(destination, ledger, place, wish, note, backoff or Backoff(), run, told, outage)
    named: set[Path] = set()
    for parcel in parcels:
        yield one.deliver(parcel, alt=alt, again=again)
        named.add(parcel.source)
        if outage.given_up and sources:
            break  # what follows would be made in vain
    if outage.given_up:
        yield from _not_tried(source for source in sources if source not in named)


def _not_tried(sources: Iterable[Path]) -> Iterator[Sent]:
    for source in sources:
        yield Sent(parcel=Parcel(source=source), reason=NOT_TRIED)
