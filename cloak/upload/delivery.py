"""Upload one photo: noted before it leaves, tried as often as is due, and cleaned up after if it fails."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cloak.errors import AudienceError, CloakError, PhotoError, TransientError, UnreachableError, UploadError
from cloak.files import read
from cloak.upload.backoff import Backoff
from cloak.upload.cleaning import clean
from cloak.upload.destination import Cleared, Destination, Item, Placed, Wish, clear
from cloak.upload.earlier import SKEW, falls_short
from cloak.upload.errors import understood, underway
from cloak.upload.ledger import Entry, Ledger, State
from cloak.upload.names import random_name
from cloak.upload.outage import Outage
from cloak.upload.parcel import Parcel, Sent
from cloak.upload.purge import purge

_MOST_BYTES = 1 << 31

_ONCE = Backoff(attempts=1)
"""`purge` comes again."""

NOT_TRIED = "not tried: the server cannot be reached; upload it again once it can"
"""What is said of photos after the run gave up on the server."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How to upload the photos of a run: see `cloak.upload.send.deliver` for what each attribute is."""

    destination: Destination
    ledger: Ledger
    place: str
    wish: Wish
    note: str
    backoff: Backoff
    run: str
    told: Callable[[Parcel, int, int], object]
    outage: Outage

    def deliver(self, parcel: Parcel, *, alt: str, again: bool) -> Sent:
        """Upload one photo, unless it is there already, or the server was given up on.

        Args:
            parcel: the photo.
            alt: what it shows.
            again: upload it even if it is there already.

        Returns:
            what became of it, a failure that concerns it alone included.

        Raises:
            UploadError: nothing more can be uploaded.
            LedgerError: nothing more can be noted.
        """
        if parcel.path is None and parcel.content is None:
            return Sent(parcel=parcel, reason=parcel.problem)
        try:
            file = clear(_content(parcel))
            sha256 = hashlib.sha256(file.data).hexdigest()
            if not again and (there := self._already(parcel, sha256)):
                return there
            if vain := self._vain():
                return Sent(parcel=parcel, reason=vain)
            return self._send(parcel, file, sha256, alt)
        except PhotoError as error:
            return Sent(parcel=parcel, reason=str(error))

    def _already(self, parcel: Parcel, sha256: str) -> Sent | None:
        """Return what to say of a photo that is there already, for some time to come; None if it is not.

        What is overdue is deleted, as it was to be: some servers keep one of each content.
        """
        now = datetime.now(UTC)
        found = self.ledger.same(sha256, self.place)
        overdue = [one for one in found if one.expires and one.expires <= now]
        for before in (one for one in found if one not in overdue):
            try:
                seen, notes = self._seen(before), []
            except (PhotoError, UploadError) as error:
                seen, notes = None, [f"{before.id} was taken for being there still, as nobody could be asked: {error}"]
            if seen or notes:
                notes += falls_short(before, seen, self.wish)
                return Sent(parcel=parcel, id=before.id, already=True, notes=tuple(notes))
        if not self.outage.given_up:
            for _ in purge(overdue, self.ledger, lambda _: self.destination, run=self.run, backoff=_ONCE, close=False):
                pass  # what could not be deleted stays due, and is said by `purge`
        return None

    def _seen(self, before: Entry) -> Placed | None:
        """Return what the destination says of an upload; None if somebody deleted it there."""
        if self.outage.given_up:
            raise UnreachableError(NOT_TRIED)
        with understood(self.place):
            return self.outage.call(self.backoff, lambda: self.destination.look(str(before.handle)))

    def _vain(self) -> str:
        """Say why nothing is to be sent any more; "" if something is."""
        if self.outage.given_up:
            return NOT_TRIED
        if self.wish.expires and self.wish.expires <= datetime.now(UTC):  # an album can take longer than it is to stay
            return f"not uploaded: it was to be gone by {self.wish.expires:%H:%M:%S} UTC"
        return ""

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
                with understood(self.place):
                    return self.destination.put(item, self.wish)
            except UnreachableError:
                raise
            except TransientError:
                cut.append(datetime.now(UTC))
                raise

        try:
            placed = self.outage.call(self.backoff, put)
            self._refuse_wider(placed)
        except CloakError as error:
            if isinstance(error, UnreachableError) and not cut:  # no try got as far as to send something
                self.ledger.drop(identity)
                raise
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
            with underway():
                self.backoff.call(lambda: self.destination.delete(placed.handle))
            raise AudienceError(
                f"{self.place} gave the file to {placed.audience}, not {self.wish.audience}, and it was deleted"
            )

    def _undo(self, identity: str, name: str, cut: datetime | None) -> str:
        """Delete what a failed upload may have left; return what to say if that is not all."""
        try:
            with understood(self.place):
                left = clean(self.destination, self.ledger, identity, name, since=cut)
            if left is State.PENDING:
                return f"nothing of it is there so far: `cloak uploads purge` looks again, and deletes it ({identity})"
        except (PhotoError, UploadError) as error:
            self.ledger.fail(identity, str(error))
            return f"something of it may be there still: `cloak uploads purge` deletes it ({identity})"
        return ""

    def _notes(self, placed: Placed) -> Iterable[str]:
        if placed.expires and placed.expires < datetime.now(UTC):
            yield "the server says that its time is up already: see that its clock and this computer's are right"
        elif placed.expires and self.wish.expires and placed.expires > self.wish.expires + SKEW:
            yield f"the server lets it stay until {placed.expires:%Y-%m-%d %H:%M} UTC; `cloak uploads purge` is earlier"


def _content(parcel: Parcel) -> bytes:
    if parcel.path is None:
        return parcel.content or b""
    return read(parcel.path, max_bytes=_MOST_BYTES)
