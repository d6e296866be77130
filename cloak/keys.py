"""Keys in the system's keyring: Keychain, Credential Locker, Secret Service, KWallet."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cloak.errors import CloakError, MissingExtraError, ReferencesError
from cloak.references import START_AGAIN

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "photo-cloak"
"""Under which name the keyring lists them."""

LENGTH = 32
"""Of a key, bytes."""


def place() -> str | None:
    """Return the name of the system's keyring, or None where there is none that keeps secrets.

    A back end that writes passwords into a plain file is none: keyring itself recommends those of priority 1 or more.

    Raises:
        MissingExtraError: keyring is not installed.
        ReferencesError: it cannot be used as it is configured.
    """
    backend = _backend()
    return backend.name if backend else None


def put(name: str, key: bytes) -> None:
    """Put a key into the keyring.

    Raises:
        ReferencesError: there is no keyring, or it does not take it.
    """
    with _explained("does not take the key", "unlock it and try again"):
        _present().set_password(SERVICE, name, base64.b64encode(key).decode("ascii"))


def get(name: str) -> bytes | None:
    """Return a key, or None where the keyring has none of that name, or one that is damaged.

    Raises:
        ReferencesError: there is no keyring, or it is locked.
    """
    with _explained("does not give out the key", "unlock it and try again"):
        text = _present().get_password(SERVICE, name)
    try:
        key = base64.b64decode(text or "", validate=True)
    except binascii.Error:
        return None
    return key if len(key) == LENGTH else None


def drop(name: str) -> None:
    """Delete a key, if it is there.

    Raises:
        ReferencesError: there is no keyring, or it does not let go.
    """
    with _explained("does not delete the key", "delete it there"):
        backend = _present()
        if backend.get_password(SERVICE, name) is not None:
            backend.delete_password(SERVICE, name)


def _backend() -> "KeyringBackend | None":
    try:
        import keyring  # noqa: PLC0415 -- of an extra
        import keyring.core  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("reference photos", "people") from error
    with _explained("cannot be used", "see `keyring diagnose`"):
        backend = keyring.get_keyring()
    chained = getattr(backend, "backends", [backend])  # the chainer counts as recommended whatever it is made of
    return backend if chained and keyring.core.recommended(chained[0]) else None


def _present() -> "KeyringBackend":
    backend = _backend()
    if backend is None:
        raise ReferencesError(f"this system has no keyring, where the key to the reference photos is: {START_AGAIN}")
    return backend


@contextmanager
def _explained(what: str, remedy: str) -> Iterator[None]:
    """Raise whatever goes wrong in a back end, which may be anybody's plug-in, as an error of ours."""
    try:
        yield
    except CloakError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ReferencesError(f"the system's keyring {what} ({reason}): {remedy}") from error
