"""Secrets of destinations in the system's keyring."""

from cloak import keys
from cloak.errors import CredentialsError, MissingExtraError, ReferencesError


def place() -> str | None:
    """Return the name of the system's keyring, or None where there is none that keeps secrets."""
    try:
        return keys.place()
    except (MissingExtraError, ReferencesError):
        return None


def get(name: str) -> str | None:
    """Return the secret of a name such as ``nas.password``, or None.

    Raises:
        CredentialsError: the keyring is locked or broken.
    """
    if place() is None:
        return None
    import keyring  # noqa: PLC0415 -- of an extra

    try:
        return keyring.get_password(keys.SERVICE, name)
    except Exception as error:  # anybody's plug-in; what it says may hold anything
        raise _refused("does not give out", name, error) from None


def put(name: str, secret: str) -> None:
    """Keep a secret.

    Raises:
        CredentialsError: there is no keyring, or it does not take it.
    """
    if place() is None:
        raise CredentialsError("this system has no keyring that keeps secrets")
    import keyring  # noqa: PLC0415 -- of an extra

    try:
        keyring.set_password(keys.SERVICE, name, secret)
    except Exception as error:
        raise _refused("does not take", name, error) from None


def _refused(what: str, name: str, error: Exception) -> CredentialsError:
    return CredentialsError(f"the system's keyring {what} {name} ({type(error).__name__}): unlock it and try again")
