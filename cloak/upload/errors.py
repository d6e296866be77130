"""Errors that several destinations have in common, beside those of `cloak.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloak.errors import TransferError, TransientError, UnreachableError


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
