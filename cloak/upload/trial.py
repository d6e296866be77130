"""Try a destination out before photos depend on it: with a picture of no meaning, which is there for a moment."""

import io
import secrets
from dataclasses import dataclass
from datetime import datetime

from cloak.container import Container
from cloak.errors import CloakError, KeptError, TransferError, UnreachableError
from cloak.upload.destination import Audience, Destination, Item, Placed, Wish, clear
from cloak.upload.errors import understood, underway
from cloak.upload.names import random_name
from cloak.upload.send import check

_SIDE = 8
"""Of the picture, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a destination did with the picture.

    Attributes:
        written: whether it was put there, read back and deleted; not where others than the user would have seen it.
        audience: who saw it, as the server said.
        expires: when the server itself would have deleted it, or ended its link.
        password: whether its link had one.
        kept: what it does not let go of at once, and why; "" if there is nothing.
    """

    written: bool
    audience: Audience | None = None
    expires: datetime | None = None
    password: bool = False
    kept: str = ""


def try_out(destination: Destination, wish: Wish, name: str) -> Tried:
    """Sign in, and put a picture of noise there as photos will be; read back what became of it, and delete it.

    Args:
        destination: which.
        wish: what photos will ask for.
        name: what the user calls the destination.

    Raises:
        UploadError: it cannot be used, or not for this.
        TransferError: it did not take the picture, or not let go of it; then the message says where it may be.
    """
    check(destination, wish, name)
    if wish.audience not in (Audience.OWNER, Audience.LINK):
        return Tried(written=False)
    item = Item(name=random_name(Container.PNG), file=clear(_noise()))
    try:
        with understood(name):
            placed = destination.put(item, wish)
            with underway():
                kept = _remove(destination, placed)
    except UnreachableError:
        raise  # there is no picture
    except CloakError as error:
        _clean(destination, item.name, error)
        raise
    return Tried(
        written=True,
        audience=placed.audience,
        expires=placed.expires,
        password=placed.password is not None,
        kept=kept,
    )


def _remove(destination: Destination, placed: Placed) -> str:
    """Delete the picture, and return what to say if it is kept for a while."""
    try:
        destination.delete(placed.handle)
    except KeptError as error:
        return str(error)
    if destination.look(placed.handle) is not None:
        raise TransferError(f"{placed.handle} is still there after it was deleted: photos could not be deleted either")
    return ""


def _clean(destination: Destination, name: str, error: CloakError) -> None:
    """Delete what a failed try left, or say where it may be."""
    try:
        with understood("the server"):
            left = destination.find(name)
            if left is not None:
                destination.delete(left)
    except CloakError as second:
        error.args = (f"{error}; the picture {name} that was to try it may still be there: {second}",)


def _noise() -> bytes:
    """Return a picture that nobody has seen: some servers keep one of each content."""
    from PIL import Image  # noqa: PLC0415 -- takes long to load

    file = io.BytesIO()
    Image.frombytes("RGB", (_SIDE, _SIDE), secrets.token_bytes(3 * _SIDE * _SIDE)).save(file, "PNG")
    return file.getvalue()
