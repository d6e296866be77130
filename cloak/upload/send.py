"""Bring prepared photos to a destination: each once, noted before it leaves, and never for more eyes than wished."""

import hashlib
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloak.errors import (
    AudienceError,
    CloakError,
    PhotoError,
    TransferError,
    TransientError,
    UploadError,
    UsageError,
)
from cloak.files import read
from cloak.upload import runs
from cloak.upload.backoff import Backoff
from cloak.upload.destination import Audience, Cleared, Destination, Item, Placed, Wish, clear
from cloak.upload.ledger import Entry, Ledger, State
from cloak.upload.names import random_name

_MOST_BYTES = 1 << 31

LATE = timedelta(hours=1)
"""For how long a server may still finish what was sent to it after the connection was lost; see `Destination`."""

SKEW = timedelta(minutes=5)
"""How much a server's clock may differ from ours before that is worth a word."""


FIRST_LOOK = Backoff(attempts=3)
"""A server that is busy gets its time; a mistyped address is not waited for long."""


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
) -> Generator[Sent, None, None]:
    """Upload files one after the other; yield what became of each.

    Each is scanned once more as it is read; what does not pass stays here. A file that fails is one result, and what it
    may have left is deleted or stays due in the ledger.

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

    Raises:
        UploadError: nothing more can be uploaded.
        LedgerError: nothing more can be noted, and so nothing more is uploaded.
    """
    if run is None:
        with runs.running() as own:
            yield from deliver(
                parcels, destination, ledger, place=place, wish=wish, alt=alt, note=note, again=again,
                backoff=backoff, run=own.name, told=told,
            )  # fmt: skip
        return
    one = _Delivery(destination, ledger, place, wish, note, backoff or Backoff(), run, told)
    for parcel in parcels:
        yield one.deliver(parcel, alt=alt, again=again)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One call of `deliver`."""

    destination: Destination
    ledger: Ledger
    place: str
    wish: Wish
    note: str
    backoff: Backoff
    run: str
    told: Callable[[Parcel, int, int], object]

    def deliver(self, parcel: Parcel, *, alt: str, again: bool) -> Sent:
        if parcel.path is None and parcel.content is None:
            return Sent(parcel=parcel, reason=parcel.problem)
        try:
            file = clear(_content(parcel))
            sha256 = hashlib.sha256(file.data).hexdigest()
            before = None if again else self.ledger.same(sha256, self.place)
            if before:
                return Sent(parcel=parcel, id=before.id, already=True, notes=tuple(self._older(before)))
            return self._send(parcel, file, sha256, alt)
        except PhotoError as error:
            return Sent(parcel=parcel, reason=str(error))

    def _send(self, parcel: Parcel, file: Cleared, sha256: str, alt: str) -> Sent:
        size = len(file.data)
        item = Item(
            name=random_name(file.container),
            file=file,
            alt=alt,
            told=lambda sent: self.told(parcel, min(sent, size), size),  # a form around it is not counted
        )
        identity = self.ledger.begin(
            destination=self.place, name=item.name, sha256=sha256, size=size, run=self.run,
            expires=self.wish.expires, note=self.note,
        )  # fmt: skip
        cut: list[datetime] = []

        def put() -> Placed:
            try:
                return self.destination.put(item, self.wish)
            except TransientError:
                cut.append(datetime.now(UTC))
                raise

        try:
            placed = self.backoff.call(put)
            self._refuse_wider(placed)
        except CloakError as error:
            left = self._undo(identity, item.name, cut[-1] if cut else None)
            if left and isinstance(error, PhotoError):
                return Sent(parcel=parcel, id=identity, reason=f"{error}; {left}")
            if left:
                error.args = (f"{error}; {left}",)
            raise
        self.ledger.place(identity, placed)
        return Sent(parcel=parcel, id=identity, placed=placed, notes=tuple(self._notes(placed)))

    def _refuse_wider(self, placed: Placed) -> None:
        """A destination sees to this itself; one from another package may not."""
        if placed.audience.wider_than(self.wish.audience):
            self.backoff.call(lambda: self.destination.delete(placed.handle))
            raise AudienceError(
                f"{self.place} gave the file to {placed.audience}, not {self.wish.audience}, and it was deleted"
            )

    def _undo(self, identity: str, name: str, cut: datetime | None) -> str:
        """Delete what a failed upload may have left; return what to say if that is not all."""
        try:
            if clean(self.destination, self.ledger, identity, name, since=cut) is State.PENDING:
                return f"nothing of it is there so far: `cloak uploads purge` looks again, and deletes it ({identity})"
        except (PhotoError, UploadError) as error:
            self.ledger.fail(identity, str(error))
            return f"something of it may be there still: `cloak uploads purge` deletes it ({identity})"
        return ""

    def _older(self, before: Entry) -> Iterable[str]:
        """Say in what an upload that is there already is not as wished."""
        if before.audience and before.audience.wider_than(self.wish.audience):
            yield f"{before.id}, which is there already, can be seen by more people than wished: {before.audience}"
        if self.wish.expires and (before.expires is None or before.expires > self.wish.expires + SKEW):
            until = f"until {before.expires:%Y-%m-%d %H:%M} UTC" if before.expires else "until you delete it"
            yield f"{before.id}, which is there already, stays for longer than wished: {until}"

    def _notes(self, placed: Placed) -> Iterable[str]:
        if placed.expires and placed.expires < datetime.now(UTC):
            yield "the server says that its time is up already: see that its clock and this computer's are right"
        elif placed.expires and self.wish.expires and placed.expires > self.wish.expires + SKEW:
            yield f"the server lets it stay until {placed.expires:%Y-%m-%d %H:%M} UTC; `cloak uploads purge` is earlier"


def _content(parcel: Parcel) -> bytes:
    if parcel.path is None:
        return parcel.content or b""
    return read(parcel.path, max_bytes=_MOST_BYTES)


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
    destination.delete(handle)
    ledger.end(identity, State.DELETED)
    return State.DELETED
