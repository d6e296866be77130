"""The error of uploads alone, beside those of `cloak.errors`: a server that could not be connected to."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloak.errors import TransientError


class UnreachableError(TransientError):
    """The server could not be connected to, so that nothing was sent to it.

    Refused, no route, no such name, no answer in time, or no agreement on how to encrypt. `Destination.put` raises it
    only where no byte of the photo can have left in this try: see `underway`.
    """


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
