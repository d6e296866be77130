"""Who protects the photos of an upload for `cloak.web.middleware`: a service elsewhere, or an engine in the process."""

import asyncio
import ipaddress
import json
import ssl
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from cloak.container import Container
from cloak.errors import MissingExtraError, ResidueError, UnreadablePhotoError, UnsupportedPhotoError, UsageError
from cloak.image.scan import scan
from cloak.image.sniff import HEAD, recognise

if TYPE_CHECKING:
    import httpx

_DONE = frozenset({"protected", "stripped"})
_TOLD = frozenset({413, 415, 422})
"""What a service says about a photo, which is for whoever sent it; all else is about the service."""


class RefusedError(Exception):
    """An upload is refused; the application does not see it.

    Attributes:
        status: of HTTP.
        code: what it is called in JSON.
        message: what is wrong, and what to do.
        after: seconds after which to try again, where that helps.
    """

    def __init__(self, status: int, code: str, message: str, *, after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.after = status, code, message, after


class Protector(Protocol):
    """Protects a photo."""

    async def protect(self, photo: bytes) -> tuple[bytes, Mapping[str, Any]]:
        """Return the protected file and its outcome as JSON.

        Raises:
            RefusedError: it cannot be protected.
        """
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class Service:
    """Protects by a `cloak serve` that runs elsewhere.

    Args:
        url: where it is, as https://cloak.internal:8443; http is for this machine alone, unless `plain`.
        token: what it wants to be shown.
        query: its parameters, such as strength=strong&no_face=fail.
        seconds: how long one photo may take, waiting included.
        ca: file with the certificates that it is trusted by, if not those of the system.
        plain: that http to another machine is meant: photos and the token are readable on the way.
        max_bytes: of what it answers.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        query: str = "",
        seconds: float = 600,
        ca: str | None = None,
        plain: bool = False,
        max_bytes: int = 256 * 2**20,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"the service must be at an http or https address, got {url!r}")
        if parts.scheme == "http" and not plain and not _here(parts.hostname):
            raise UsageError(f"{url} is not encrypted: use https, or say plain=True if the network between is yours")
        self._url = f"{url.rstrip('/')}/v1/protect" + (f"?{query}" if query else "")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
        self._seconds, self._ca, self._max = seconds, ca, max_bytes
        self._client: httpx.AsyncClient | None = None

    async def protect(self, photo: bytes) -> tuple[bytes, Mapping[str, Any]]:
        """Have a photo protected; wait while the service is busy."""
        end = time.monotonic() + self._seconds
        while True:
            status, headers, body = await self._ask(photo, end)
            if status not in {429, 503}:
                break
            after = _seconds(headers.get("retry-after"))
            if status == 503 or time.monotonic() + after > end:
                raise RefusedError(503, "busy", "photos cannot be protected now: try again later", after=after)
            await asyncio.sleep(after)
        if status in _TOLD:
            raise RefusedError(status, *_error(body))
        if status != 200:
            raise _down(f"it answered {status}")
        return await asyncio.to_thread(checked, body, headers.get("cloak-outcome", ""), photo)

    async def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(self, photo: bytes, end: float) -> "tuple[int, httpx.Headers, bytes]":
        import httpx  # noqa: PLC0415 -- `_connected` has said if it is missing

        client = self._connected()
        body = bytearray()
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                async with client.stream("POST", self._url, content=photo, headers=self._headers) as answer:
                    async for piece in answer.aiter_bytes():
                        body += piece
                        if len(body) > self._max:
                            raise _down("its answer is too long")
                return answer.status_code, answer.headers, bytes(body)
        except TimeoutError:
            raise RefusedError(503, "timeout", "a photo was not protected in time: try again later") from None
        except httpx.HTTPError as error:
            raise _down(type(error).__name__) from error

    def _connected(self) -> "httpx.AsyncClient":
        if self._client is None:
            try:
                import httpx  # noqa: PLC0415 -- heavy, and not needed where an engine is
            except ModuleNotFoundError as error:
                raise MissingExtraError("services at another address", "web") from error
            context = ssl.create_default_context(cafile=self._ca)
            # No proxy of the environment gets to see photos; a redirect would show them to somebody else.
            self._client = httpx.AsyncClient(
                verify=context, trust_env=False, follow_redirects=False, timeout=httpx.Timeout(None, connect=10)
            )
        return self._client


def checked(data: bytes, outcome: str, original: bytes) -> tuple[bytes, Mapping[str, Any]]:
    """Return what a service answered, if it is a protected photo.

    Raises:
        RefusedError: it is not, or it is not proven to be one.
    """
    try:
        told = json.loads(outcome)
        status = str(told["status"])
        recognise(data[:HEAD])
        scan(data)
    except (ValueError, TypeError, KeyError):
        raise _down("it did not say what became of a photo") from None
    except (UnreadablePhotoError, UnsupportedPhotoError, ResidueError) as error:
        raise _down(f"what it sent is no clean photo ({type(error).__name__})") from None
    if status not in _DONE or (status == "protected" and data == original):
        raise _down("it did not protect a photo")
    return data, told


def container_of(data: bytes) -> Container:
    """Return what a protected file is."""
    return recognise(data[:HEAD])


def _down(why: str) -> RefusedError:
    return RefusedError(503, "unavailable", f"photos cannot be protected now, the service failed: {why}")


def _error(body: bytes) -> tuple[str, str]:
    try:
        told = json.loads(body)
        return str(told["error"])[:100], str(told["message"])[:1000]
    except (ValueError, TypeError, KeyError):
        return "refused", "the photo cannot be protected"


def _seconds(value: str | None) -> int:
    return min(60, max(1, int(value))) if value and value.isdecimal() else 1


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
