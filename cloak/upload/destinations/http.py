"""Requests to a server over HTTP, with what may go wrong as errors of ours."""

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from cloak.errors import (
    CloakError,
    ConfigError,
    CredentialsError,
    TransferError,
    TransientError,
    UnreachableError,
    UntrustedError,
    UploadError,
)
from cloak.upload.destinations.sign_in import challenges

_HANDSHAKE = re.compile(r"handshake|protocol.version|unsupported.protocol|record.layer|wrong.version", re.IGNORECASE)
"""What OpenSSL says where both sides found no way to encrypt."""

_NO_CONTENT: frozenset[int] = frozenset()


def base(address: str) -> str:
    """Return the address of a server or a folder on it, without the last slash.

    Raises:
        ConfigError: it is no address, holds a password, or photos would travel unencrypted.
    """
    try:
        parts = urlsplit(address)
        host, named = parts.hostname or "", parts.username or parts.password
        known = parts.port != 0 and host.encode("idna") and httpx.URL(address).host
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigError(f"{address!r} is no address: write https://example.org/folder") from error
    if named:
        raise ConfigError(
            "the address of a server must not hold a user or a password: they are asked for by themselves"
        )
    strange = not known or any(letter.isspace() for letter in parts.netloc)
    if parts.scheme not in {"http", "https"} or strange or parts.query or parts.fragment:
        raise ConfigError(f"the address of a server is like https://example.org/folder, got {address!r}")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(f"{address!r} would send photos and the password unencrypted: write https://")
    return address.rstrip("/")


def link(address: str) -> str:
    """Return an address that can be clicked on: people write folders with spaces, and in their own letters."""
    parts = urlsplit(escaped(address))
    return urlunsplit(parts._replace(path=quote(parts.path, safe="/%~!$&'()*+,;=:@")))


def escaped(address: str) -> str:
    """Return an address in which each ``%`` begins an escape, as servers demand; one that does already stays.

    >>> escaped("https://example.org/100%/a%20b")
    'https://example.org/100%25/a%20b'
    """
    return re.sub("%(?![0-9A-Fa-f]{2})", "%25", address)


def is_loopback(host: str) -> bool:
    """Whether a host is this computer by its name or number, which needs no encryption."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def at_home(address: str) -> bool:
    """Whether an address is on this computer: what goes there unencrypted is not for a proxy, which is elsewhere."""
    return is_loopback(urlsplit(address).hostname or "")


def connections(address: str, **options: Any) -> httpx.Client:  # noqa: ANN401 -- httpx's
    """Return a client for a server, which asks no proxy if the server is on this computer.

    Args:
        address: of the server, or on it.
        options: of `httpx.Client`.
    """
    host = urlsplit(address).hostname or ""
    here = {f"all://{f'[{host}]' if ':' in host else host}": None} if is_loopback(host) else None
    return httpx.Client(mounts=here, **options)  # trust_env=False would leave out SSL_CERT_FILE, too


class Http:
    """A connection to a server: certificates are verified, redirects are not followed, waiting has an end.

    A certificate authority of one's own is named by the environment variable SSL_CERT_FILE, as for other programs.

    Args:
        server: what messages call it: its address.
        auth: user and password.
        words: finds the server's own words for an error in its answer; "" if there are none.
        headers: of every request.
    """

    def __init__(
        self,
        server: str,
        auth: httpx.Auth | None = None,
        *,
        words: Callable[[httpx.Response], str] = lambda _: "",
        headers: dict[str, str] | None = None,
    ) -> None:
        self._server = server
        self._words = words
        self._client = connections(
            server,
            auth=auth,
            headers={"User-Agent": "photo-cloak", **(headers or {})},
            timeout=httpx.Timeout(60, connect=10),
        )

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def call(
        self,
        method: str,
        address: str,
        doing: str,
        *,
        accept: Collection[int] = _NO_CONTENT,
        **options: Any,  # noqa: ANN401 -- httpx's
    ) -> httpx.Response:
        """Make a request.

        Args:
            method: of HTTP.
            address: whole.
            doing: what for, in people's words.
            accept: statuses that are well, beside 2xx.
            options: of `httpx.Client.request`.

        Raises:
            UploadError: the server is not trusted, does not let us in, or has no space.
            UnreachableError: nothing was sent.
            TransientError: no answer, or the server asks to come again.
            TransferError: the server refused for another reason.
        """
        doing = f"cannot {doing} on {self._server}"
        try:
            answer = self._client.request(method, escaped(address), **options)
        except httpx.HTTPError as error:
            raise unreachable(error, doing) from error
        if answer.is_success or answer.status_code in accept:
            return answer
        said = self._words(answer)
        raise refusal(answer, f"{doing}: the server answered {answer.status_code}{f' ({said})' if said else ''}")


def unreachable(error: httpx.HTTPError, doing: str) -> CloakError:
    """Return what it means that there was no answer."""
    said = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return UntrustedError(f"{doing}: {distrust(said)}")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):  # TLS is among these
        return no_connection(doing, said or type(error).__name__)
    return TransientError(f"{doing}: the connection failed ({type(error).__name__})")


def no_connection(doing: str, said: str) -> UnreachableError:
    """Return the error of a server that could not be connected to.

    Args:
        doing: what could not be done: "cannot upload on https://example.org".
        said: a library's own words for why.
    """
    words = re.sub(r"^\[Errno -?\d+\] ", "", said)
    return UnreachableError(f"{doing}: the server cannot be reached ({words})")


def tls_failed(doing: str, said: str, *, sent: bool = False) -> CloakError:
    """Return what an error of TLS means, from a library's own words, where that may come at any time.

    Args:
        doing: what could not be done.
        said: a library's own words.
        sent: whether some of a photo had left: then it may have arrived, whatever the words are.

    Returns:
        `UntrustedError` for a certificate, `UnreachableError` where there was no agreement, else `TransientError`.
    """
    if sent:
        return TransientError(f"{doing}: the connection failed (TLS)")
    if "certificate" in said.lower() or "doesn't match" in said:
        return UntrustedError(f"{doing}: {distrust(said)}")
    if _HANDSHAKE.search(said):
        return no_connection(doing, "both sides found no way to encrypt")
    return TransientError(f"{doing}: the connection failed (TLS)")


def refusal(answer: httpx.Response, message: str) -> CloakError:
    """Return what an answer that is no success means, as an error with a message of which the advice is missing."""
    status = answer.status_code
    if status in {401, 403}:
        offered = _not_spoken(answer) if status == 401 else ""
        advice = "check user and password, and what the account may do"
        if offered:
            advice = (
                f"it lets nobody in but by {offered}, and only Basic and Digest (MD5, SHA-256, SHA-512) are spoken "
                "here: have it offer one of them as well"
            )
        return CredentialsError(f"{message}: {advice}")
    if status == 507:
        return UploadError(f"{message}: it is full: delete something there")
    if status in {408, 423, 425, 429} or (status >= 500 and status not in {501, 505}):
        return TransientError(message, after=seconds(answer.headers.get("Retry-After")))
    if answer.is_redirect:
        elsewhere = answer.headers.get("Location", "somewhere")
        return UploadError(f"{message}, to {elsewhere!r}: use that address if it is right")
    if status == 413:
        return TransferError(f"{message}: the file is larger than it takes")
    return TransferError(message)


def _not_spoken(answer: httpx.Response) -> str:
    """Return the ways to sign in that a server offers, which was sent a password; "" if one can be done here."""
    if not answer.request.headers.get("Authorization", "").startswith(("Basic ", "Digest ")):
        return ""
    offered = challenges(answer)
    return "" if any(one.way for one in offered) else " or ".join(dict.fromkeys(one.scheme for one in offered))


def seconds(retry_after: str | None) -> float | None:
    """Return how long to wait by the header Retry-After, which is in seconds or a date; None if it does not say."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def distrust(said: str) -> str:
    """Say what is wrong with a certificate, and what to do, from a library's own words."""
    if "expired" in said:
        return "its certificate has expired: tell whoever runs it, and check the date of this computer"
    if "not yet valid" in said:
        return "its certificate is not valid yet: check the date of this computer"
    if "mismatch" in said or "not valid for" in said or "doesn't match" in said:
        return "its certificate is that of another server: check the address"
    return (
        "its certificate does not prove who it is: check the address; if the server is yours and so is its authority, "
        "set SSL_CERT_FILE to the authority's certificate"
    )
