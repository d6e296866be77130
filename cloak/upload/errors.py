"""Errors that several destinations have in common, beside those of `cloak.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloak.errors import CloakError, TransferError, TransientError, UnreachableError, UploadError


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


OURS = (AssertionError, MemoryError, NameError, NotImplementedError)
"""What no answer of a server brings about, but a mistake in a program or a computer that is at its end."""


@contextmanager
def understood(who: str) -> Iterator[None]:
    """Take what a destination stumbles over for an answer that makes no sense: that ends one photo, and not the run.

    Libraries raise all kinds of errors, also some of no family of theirs, so it is all that is not in `OURS`.

    Args:
        who: gave the answer: the user's name of the destination.

    Raises:
        TransferError: in place of an error that nobody expected. It does not show that one, which may hold anything.
    """
    try:
        yield
    except (CloakError, *OURS):
        raise
    except Exception as error:
        raise TransferError(
            f"{who} gave an answer that makes no sense here ({type(error).__name__}): check its address, and whether "
            "the server is of a version that is known here"
        ) from error


@contextmanager
def opening(who: str) -> Iterator[None]:
    """Make a destination: what goes wrong concerns all of its photos.

    Args:
        who: the user's name of the destination.

    Raises:
        UploadError: in place of an error that nobody expected. It does not show that one, which may hold a secret.
    """
    try:
        yield
    except (CloakError, *OURS):
        raise
    except Exception as error:
        raise UploadError(
            f"{who} cannot be opened ({type(error).__name__}): run `cloak upload setup {who}` again"
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
