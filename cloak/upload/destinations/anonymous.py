"""What somebody without an account gets to see of an upload."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from cloak.errors import TransientError
from cloak.upload.destinations.http import connections, escaped, unreachable

_HEADERS = {"Range": "bytes=0-0", "Accept": "application/json, */*"}
"""Laravel, and so Pixelfed, leads to a page to sign in whoever does not ask for JSON first."""


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep the addresses of this thread's requests out of httpx's log: some give access by themselves."""
    thread, logger = threading.get_ident(), logging.getLogger("httpx")

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger.addFilter(of_others)
    try:
        yield
    finally:
        logger.removeFilter(of_others)


def status_of(address: str, doing: str) -> int:
    """Return the status of a request without any credentials; the answer's body is not read.

    Args:
        address: whole; may give access by itself, so neither error nor log shows it.
        doing: what for, in people's words.

    Raises:
        TransientError: there was no answer, or one that says neither yes nor no.
        UntrustedError: the server is not proven to be who it should be.
    """
    try:
        with (
            unlogged(),
            connections(address, timeout=60) as client,
            client.stream("GET", escaped(address), headers=_HEADERS) as answer,
        ):
            status = answer.status_code
    except httpx.HTTPError as error:
        raise unreachable(error, f"cannot {doing}") from None
    if status in {408, 429} or status >= 500:
        raise TransientError(f"cannot {doing}: somebody without an account gets the answer {status}")
    return status
