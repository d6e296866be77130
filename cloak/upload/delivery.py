"""Upload one photo: noted before it leaves, tried as often as is due, and cleaned up after if it fails."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloak.errors import AudienceError, CloakError, PhotoError, TransientError, UnreachableError, UploadError
from cloak.files import read
from cloak.upload.backoff import Backoff
from cloak.upload.cleaning import clean
from cloak.upload.destination import Cleared, Destination, Item, Placed, Wish, clear
from cloak.upload.errors import understood, underway
from cloak.upload.ledger import Entry, Ledger, State
from cloak.upload.names import random_name
from cloak.upload.outage import Outage
from cloak.upload.parcel import Parcel, Sent

_MOST_BYTES = 1 << 31

SKEW = timedelta(minutes=5)
"""How much a server's clock may differ from ours before that is worth a word."""

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
            before = None if again else self.ledger.same(sha256, self.place)
            if before:
                return Sent(parcel=parcel, id=before.id, already=True, notes=tuple(self._older(before)))
            if vain := self._vain():
                return Sent(parcel=parcel, reason=vain)
            return self._send(parcel, file, sha256, alt)
        except PhotoError as error:
            return Sent(parcel=parcel, reason=str(error))

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
