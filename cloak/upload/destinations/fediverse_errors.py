"""What the errors of Mastodon.py mean for an upload."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
from mastodon import (
    MastodonAPIError,
    MastodonError,
    MastodonIllegalArgumentError,
    MastodonNetworkError,
    MastodonRatelimitError,
)
from requests.packages.urllib3.exceptions import NewConnectionError

from cloak.errors import CloakError, CredentialsError, TransferError, TransientError, UploadError
from cloak.upload.counting import Counted
from cloak.upload.destinations.http import at_home, no_connection, seconds, tls_failed


class _Counting(requests.adapters.HTTPAdapter):  # type: ignore[misc]  # untyped upstream
    """Sends whole forms in pieces that are counted; requests would read a file into memory before its first byte.

    What is for this computer goes to no proxy.

    Attributes:
        told: called with the number of bytes that have left.
        sent: whether any of a form that is counted did, in the last request.
    """

    told: Callable[[int], object] | None = None
    sent = False

    def send(self, request: requests.PreparedRequest, *given: Any, **named: Any) -> requests.Response:  # noqa: ANN401 -- as upstream
        self.sent = False
        if self.told and isinstance(request.body, bytes):
            request.body = Counted(request.body, self._note)
        if at_home(request.url or ""):
            named["proxies"] = {}
        return super().send(request, *given, **named)

    def _note(self, sent: int) -> None:
        self.sent = sent > 0
        if self.told:
            self.told(sent)


class _Redirected(Exception):  # noqa: N818 -- an answer
    """The server answered with another address."""

    def __init__(self, status: int, address: str) -> None:
        super().__init__(status, address)
        self.status, self.address = status, address


class Session:
    """Connections that follow no redirect, which could take a photo to another server, or in the clear.

    They remember how long the last answer said to wait; Mastodon.py does not tell.

    Attributes:
        http: the connections.
        after: seconds; None if nothing was said.
    """

    def __init__(self) -> None:
        self.http = requests.Session()
        self.http.verify = os.environ.get("SSL_CERT_FILE") or True  # as httpx does; requests has a variable of its own
        self.http.headers["Accept"] = "application/json"  # or Pixelfed leads to a page to sign in, in place of 401
        self._counting = _Counting()
        for scheme in ("https://", "http://"):
            self.http.mount(scheme, self._counting)
        self.http.hooks["response"].append(self._remember)
        self.after: float | None = None

    @contextmanager
    def counted(self, told: Callable[[int], object]) -> Iterator[None]:
        """Tell of bytes that are sent meanwhile: those of a picture and of the form around it."""
        self._counting.told = told
        try:
            yield
        finally:
            self._counting.told = None

    @property
    def sent(self) -> bool:
        """Whether some of a picture had left when the last request ended."""
        return self._counting.sent

    def _remember(self, response: requests.Response, *_: object, **__: object) -> None:
        if response.is_redirect:
            raise _Redirected(response.status_code, response.headers["Location"])
        said = seconds(response.headers.get("Retry-After"))
        if said is None and response.status_code == 429:  # others carry it, too, and do not ask to wait
            said = _reset(response.headers.get("X-RateLimit-Reset"))
        self.after = said


@contextmanager
def translated(doing: str, session: Session) -> Iterator[None]:
    """Turn what Mastodon.py raises into errors of ours.

    Args:
        doing: what for, in people's words: "post to https://example.social".
        session: the client's.
    """
    try:
        yield
    except MastodonRatelimitError as error:
        raise TransientError(f"cannot {doing}: too many requests (429)", after=session.after) from error
    except MastodonNetworkError as error:
        raise _unreachable(error, doing, sent=session.sent) from error
    except MastodonAPIError as error:
        raise _answer(error, doing, session.after) from error
    except (MastodonIllegalArgumentError, MastodonError) as error:
        raise TransferError(f"cannot {doing}: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise TransferError(f"cannot {doing}: the answer is not like Mastodon's: is that its address?") from error


def _unreachable(error: MastodonNetworkError, doing: str, *, sent: bool) -> CloakError:
    cause = error.__context__
    if isinstance(cause, _Redirected):
        return UploadError(
            f"cannot {doing}: the server answered {cause.status}, to {cause.address!r}: use that address if it is right"
        )
    if isinstance(cause, requests.exceptions.SSLError):
        return tls_failed(f"cannot {doing}", str(cause), sent=sent)
    if isinstance(cause, requests.exceptions.ProxyError | requests.exceptions.ConnectTimeout) or _refused(cause):
        return no_connection(f"cannot {doing}", type(cause).__name__)
    return TransientError(f"cannot {doing}: the connection failed ({type(cause).__name__})")


def _refused(cause: BaseException | None) -> bool:
    """Whether requests had no connection; it has the same error for one that broke, but for what is inside."""
    inner = cause.args[0] if isinstance(cause, requests.exceptions.ConnectionError) and cause.args else None
    return isinstance(getattr(inner, "reason", None), NewConnectionError)


def _answer(error: MastodonAPIError, doing: str, after: float | None) -> CloakError:
    status, said = _parts(error)
    message = f"cannot {doing}: the server answered {status or 'what is not understood'}{f' ({said})' if said else ''}"
    if status in {401, 403}:
        return CredentialsError(
            f"{message}: make a new access token with read:accounts, read:statuses, write:media and write:statuses"
        )
    if status == 507:
        return UploadError(f"{message}: it is full")
    if status in {408, 429} or status >= 500:
        return TransientError(message, after=after)
    return TransferError(message)


def status_of(error: MastodonAPIError) -> int:
    """Return the HTTP status of an error, 0 where there is none."""
    return _parts(error)[0]


def _parts(error: MastodonAPIError) -> tuple[int, str]:
    """The status and the server's words: Mastodon.py's errors hold (text, status, reason, words)."""
    if len(error.args) == 4 and isinstance(error.args[1], int):
        return error.args[1], str(error.args[3] or "")
    return 0, ""


def _reset(time: str | None) -> float | None:
    """How long to wait by Mastodon's own header, a time in ISO 8601; GoToSocial has seconds since 1970 there."""
    try:
        if time and time.isascii() and time.isdigit():
            return max(0.0, int(time) - datetime.now(UTC).timestamp())
        return max(0.0, (datetime.fromisoformat(time) - datetime.now(UTC)).total_seconds()) if time else None
    except (ValueError, TypeError):  # no date, or one without a time zone
        return None
