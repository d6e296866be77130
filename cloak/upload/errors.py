"""Errors that several destinations have in common, beside those of `cloak.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloak.errors import CloakError, TransferError, TransientError, UnreachableError


@contextmanager
def underway() -> Iterator[None]:
    """Do what follows a photo's first byte: a server that cannot be reached any more may have the photo then.

    Raises:
        TransientError: in place of an `UnreachableError`.
    """
    try:
        yield
    except UnreachableError as error:
        raise TransientError(str(error)) from error


@contextmanager
def understood(who: str) -> Iterator[None]:
    """Take what a destination stumbles over for an answer that makes no sense: that ends one photo, and not the run.

    Args:
        who: gave the answer: the user's name of the destination.

    Raises:
        TransferError: in place of an error that nobody expected. It does not show that one, which may hold anything.
    """
    try:
        yield
    except CloakError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TransferError(
            f"{who} gave an answer that makes no sense here ({type(error).__name__}): check its address, and whether "
            "the server is of a version that is known here"
        ) from error


def size_untold(who: str, what: str) -> TransferError:
    """Return the error of an upload whose size nobody can read back.

    Args:
        who: does not tell it.
        what: was uploaded: its address or key.
    """
    return TransferError(
        f"{who} does not say how large {what} is, so nobody knows whether all of it arrived: check what is between you "
        "and the server, such as a proxy that compresses"
    )
