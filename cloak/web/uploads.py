"""Uploads of protected photos: the same code, destinations and ledger as `cloak upload`.

A client names a destination that the user set up, never a path or an address. What is sent comes from memory; on the
disk are the ledger, and an empty folder with a lock that says who is at work.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloak.errors import CloakError
from cloak.upload import runs, settings
from cloak.upload.backoff import Backoff
from cloak.upload.destination import Audience, Destination, Wish
from cloak.upload.destinations import load
from cloak.upload.expiry import expiry
from cloak.upload.ledger import Ledger
from cloak.upload.outage import Outage
from cloak.upload.purge import recover
from cloak.upload.send import Parcel, Sent, check, deliver
from cloak.web.errors import place as place_of
from cloak.web.protectors import RefusedError

BACKOFF = Backoff(attempts=2, most=2.0, patience=5.0)
"""For the first look at a destination: a client waits for the answer."""

LOG = logging.getLogger("cloak.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """A photo that is about to leave.

    Attributes:
        name: what the user knows it as.
        data: the protected file.
        alt: what it shows.
        told: called with what becomes of it, as JSON; from another thread.
        wanted: says whether it is still to leave.
    """

    name: str
    data: bytes = field(repr=False)
    alt: str
    told: Callable[[dict[str, Any]], object]
    wanted: Callable[[], bool]


def destinations() -> list[dict[str, Any]]:
    """Return what the user set up, without anything that is secret.

    Raises:
        RefusedError: the configuration makes no sense.
    """
    try:
        return [_told(place) for _, place in sorted(settings.read().items())]
    except CloakError as error:
        raise _refused(error) from None


def _told(place: settings.Place) -> dict[str, Any]:
    try:
        audiences = load(place.kind).AUDIENCES
    except CloakError:  # it is told all the same: that it cannot be used is said where somebody tries
        audiences = ()
    return {
        "name": place.name,
        "kind": place.kind,
        "audience_default": str(_default(place)),
        "expires_default": place.expires,
        "can_public": Audience.PUBLIC in audiences,
        "can_link": Audience.LINK in audiences,
        "can_expire": False,  # `cloak uploads purge` is what keeps to it, whatever a server promises beside
        "ready": bool(audiences),
    }


class Uploads:
    """Uploads photos one after the other, in a thread of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "cloak-upload")
        self._ending = threading.Event()

    def close(self) -> None:
        """End once the file that is on its way has arrived."""
        self._ending.set()
        self._pool.shutdown(cancel_futures=True)

    def prepare(
        self, name: str, *, expires: str | None, public: bool, link: bool, album: str
    ) -> tuple[settings.Place, Wish, Destination]:
        """Refuse what cannot be done before anything is; in a thread. The destination has to be closed.

        Raises:
            RefusedError: there is no such destination, it cannot be used, or not for this.
        """
        if public and link:
            raise RefusedError(409, "conflict", "public is more than a link: choose one of them")
        try:
            known = settings.read()
            if name not in known:  # a path would be one for `settings.find`: none that a client sends is looked at
                raise RefusedError(404, "not_found", "there is no such destination: see `cloak upload setup`")
            place = known[name]
            audience = Audience.PUBLIC if public else Audience.LINK if link else _default(place)
            wish = Wish(audience=audience, expires=expiry(expires or place.expires), album=album)
            destination = place.open()
            try:
                check(destination, wish, place.name, BACKOFF)
            except BaseException:
                destination.close()
                raise
        except CloakError as error:
            raise _refused(error) from None
        return place, wish, destination

    def send(self, place: settings.Place, wish: Wish, destination: Destination, photos: Sequence[Parting]) -> None:
        """Have photos uploaded; this does not wait for it."""
        self._pool.submit(self._send, place, wish, destination, photos)

    def _send(self, place: settings.Place, wish: Wish, destination: Destination, photos: Sequence[Parting]) -> None:
        rest = list(photos)
        try:
            with closing(destination), runs.running() as current, Ledger.open() as ledger:
                for _ in recover(destination, ledger, place=place.name, run=current.name):
                    pass  # what fails stays due, and `cloak uploads purge` says so
                outage = Outage()
                while rest and not self._ending.is_set():
                    if rest[0].wanted():
                        sent = deliver(
                            [_parcel(rest[0])], destination, ledger, place=place.name, wish=wish, alt=rest[0].alt,
                            run=current.name, told=_teller(rest[0]), outage=outage,
                        )  # fmt: skip
                        rest[0].told(document(next(sent), wish))
                    rest.pop(0)
        except CloakError as error:
            _fail(rest, str(error))
        except Exception as error:
            LOG.error("uploads failed: %s in %s", type(error).__name__, place_of(error))
            _fail(rest, "something went wrong: `cloak uploads purge` deletes what may be there in part")


def _parcel(photo: Parting) -> Parcel:
    photo.told({**STATE, "state": "working"})
    return Parcel(source=Path(photo.name or "photo"), content=photo.data)


def _teller(photo: Parting) -> Callable[[Parcel, int, int], object]:
    """Say how far a photo is."""
    return lambda _, sent, size: photo.told({**STATE, "state": "working", "progress": round(sent / max(1, size), 3)})


STATE: dict[str, Any] = {
    "state": "queued",
    "id": None,
    "audience": None,
    "expires": None,
    "link": None,
    "password": None,
    "delete_handle": None,
    "message": "",
    "progress": 0.0,
}
"""An upload of which nothing is known yet."""


def document(sent: Sent, wish: Wish) -> dict[str, Any]:
    """Return what became of an upload; a link and its password are said here and in no log."""
    placed = sent.placed
    expires = wish.expires.isoformat() if placed and wish.expires else None
    return {
        **STATE,
        "state": "uploaded" if placed else "already" if sent.already else "failed",
        "id": sent.id or None,
        "audience": str(placed.audience) if placed else None,
        "expires": expires,
        "link": placed.link if placed else None,
        "password": placed.password if placed else None,
        "delete_handle": placed.handle if placed else None,
        "message": "; ".join([sent.reason, *sent.notes] if sent.reason else sent.notes),
        "progress": 1.0,
    }


def _fail(photos: Sequence[Parting], message: str) -> None:
    for photo in photos:
        photo.told({**STATE, "state": "failed", "message": message, "progress": 1.0})


def _default(place: settings.Place) -> Audience:
    """Who may see uploads if nothing is said: a link has to be asked for here, each time."""
    return Audience.OWNER if place.audience is Audience.LINK else place.audience


def _refused(error: CloakError) -> RefusedError:
    return RefusedError(422, "destination", str(error))
