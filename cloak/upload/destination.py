"""What a place to upload to has to be able to do.

A destination does one file at a time and knows neither ledger nor progress nor retries: `cloak.upload.send` does. What
it must get right is the audience: it asks for the narrowest that it can, reads back from the server what it got, and
says so. To add one, write a class with the methods of `Destination` and name it in the entry point group
``cloak.destinations``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol, Self

from cloak.container import Container
from cloak.errors import ResidueError
from cloak.image.scan import scan
from cloak.image.sniff import HEAD, recognise
from cloak.upload.credentials import Credentials


class Audience(StrEnum):
    """Who can see an upload, beside those who run the server; from the narrowest to the widest."""

    OWNER = "owner"
    LINK = "link"
    FOLLOWERS = "followers"
    PUBLIC = "public"

    def wider_than(self, other: "Audience") -> bool:
        """Whether more people see this than the other."""
        order = list(Audience)
        return order.index(self) > order.index(other)


@dataclass(frozen=True, slots=True)
class Cleared:
    """Bytes that passed the scan: all that a destination accepts. Made by `clear`."""

    data: bytes = field(repr=False)
    container: Container


def clear(data: bytes) -> Cleared:
    """Scan the bytes of a file that is about to leave.

    Raises:
        ResidueError: they hold something that is not known to be harmless.
    """
    container = recognise(data[:HEAD])
    if container is None:
        raise ResidueError("the file is no image that is known here")
    scan(data)
    return Cleared(data, container)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file on its way.

    Attributes:
        name: what it is called there: random, with the suffix of its format.
        file: its content.
        alt: what the picture shows, for those who cannot see it, in the user's own words; never taken from metadata.
        told: a destination that knows how far it is calls this with the number of bytes that have left; from 0 again
            with each try. It need not: see `cloak.upload.counting`.
    """

    name: str
    file: Cleared
    alt: str = ""
    told: Callable[[int], object] = field(default=lambda _: None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asked for.

    Attributes:
        audience: who may see it, at most.
        expires: when it is to be gone, with a time zone; None for never.
        album: folder or album to put it in; "" for the destination's own.
    """

    audience: Audience = Audience.OWNER
    expires: datetime | None = None
    album: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What became of an upload, as the server tells it.

    Attributes:
        handle: what `delete` needs to find it again; text, without secrets.
        audience: who can see it, read back from the server.
        expires: when the *server* deletes it or ends the link, read back; None where that is left to the ledger.
        link: where people who may see it find it; None where there is no such place. May give access by itself, so it
            is shown once and not kept.
        password: of the link, where it has one; shown once and not kept.
    """

    handle: str
    audience: Audience
    expires: datetime | None = None
    link: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that a destination wants to know.

    Attributes:
        name: its key in the configuration; of a secret, its name in the keyring and the environment.
        question: as the user is asked for it.
        default: what it is if nothing is said; None if something has to be.
        secret: never written to the configuration.
        address: whether uploads that are there are found by it: with another value, that is another place.
    """

    name: str
    question: str
    default: str | None = None
    secret: bool = False
    address: bool = True


class Destination(Protocol):
    """A place to upload to.

    Methods raise `TransientError` for what is worth another try, other kinds of `TransferError` for what is not, and
    `UploadError` and its kinds for what concerns all files. No message holds a secret.

    After a `TransientError`, a file is looked for again for an hour, in case a server that was slow finishes it after
    all. A destination where that cannot be says so by a class attribute ``LATE = timedelta(0)``.

    Attributes:
        KIND: what the configuration calls it.
        SETTINGS: what it wants to know.
        AUDIENCES: those that it can do.
    """

    KIND: ClassVar[str]
    SETTINGS: ClassVar[tuple[Setting, ...]]
    AUDIENCES: ClassVar[tuple[Audience, ...]]

    @classmethod
    def open(cls, settings: Mapping[str, str], credentials: Credentials) -> Self:
        """Make one from its part of the configuration; nothing is sent yet.

        Raises:
            ConfigError: a setting is missing or makes no sense.
            MissingExtraError: a package that it needs is not installed.
        """
        ...

    def check(self, wish: Wish) -> None:
        """See before any work whether it can be reached, lets us in and can do what is wished.

        Raises:
            UploadError: it cannot be used, or not for this.
            TransferError: the first look failed; it is done again after a TransientError.
        """
        ...

    def put(self, item: Item, wish: Wish) -> Placed:
        """Upload one file, for the narrowest audience that fulfils the wish, and read back what it got.

        If the server gave it a wider audience than wished, it is deleted again. What an earlier, interrupted `put` of
        the same name left is replaced.

        Raises:
            AudienceError: the server gave it a wider audience.
            UnreachableError: it could not connect, and no byte of the file can have left; see `cloak.upload.errors`.
            TransferError: it is not there, or the message says that something may be.
        """
        ...

    def find(self, name: str) -> str | None:
        """Return the handle of what an interrupted `put` left under a name, whole or in part; None if nothing."""
        ...

    def look(self, handle: str) -> Placed | None:
        """Return what the server says of an upload now; None if it is gone."""
        ...

    def delete(self, handle: str) -> None:
        """Delete an upload, its link and what belongs to it, and see that it is gone; gone already is well.

        Raises:
            TransferError: it may still be there.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
