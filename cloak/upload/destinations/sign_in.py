"""Sign in over HTTP by Basic or by Digest, whichever the server asks for.

Source: RFC 9110, section 11 (challenges); RFC 7617 (Basic); RFC 7616 (Digest), which httpx does.
"""

import re
import time
from collections.abc import Generator
from dataclasses import dataclass
from itertools import pairwise

import httpx

from cloak.upload.credentials import Secret

_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][\w-]*)(?=\s+[^\s=]|\s*(?:,|$))")
"""The word that a challenge begins with; a parameter has a ``=`` after it."""

_ALGORITHMS = frozenset(f"{name}{end}" for name in ("MD5", "SHA-256", "SHA-512") for end in ("", "-SESS"))
"""What httpx can of Digest."""

_FRESH = 60.0
"""Seconds for which a nonce is taken to be good: Apache's lives for 300."""

_BUSY = frozenset({408, 423, 425, 429, *range(500, 600)}) - {501, 505}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to sign in that a server offers.

    Attributes:
        scheme: its name, as the server writes it.
        text: all of it: scheme and parameters.
    """

    scheme: str
    text: str

    @property
    def way(self) -> str | None:
        """``basic`` or ``digest``, where that can be done here."""
        scheme = self.scheme.lower()
        whole = self._parameter("realm") is not None and self._parameter("nonce") is not None
        if scheme == "basic" or (scheme == "digest" and whole and self._algorithm in _ALGORITHMS and self._plain):
            return scheme
        return None

    @property
    def _algorithm(self) -> str:
        return (self._parameter("algorithm") or "MD5").upper()

    @property
    def _plain(self) -> bool:
        """Whether the body of a request need not be part of what is signed."""
        offered = self._parameter("qop")
        return offered is None or "auth" in re.split(r"\s*,\s*", offered.strip())

    def _parameter(self, name: str) -> str | None:
        found = re.search(rf'[\s,]{name}\s*=\s*(?:"([^"]*)"|([^\s,"]+))', self.text, re.IGNORECASE)
        return None if found is None else found[1] or found[2] or ""


def challenges(answer: httpx.Response) -> list[Challenge]:
    """Return the ways to sign in that an answer offers, in its order."""
    offered = ", ".join(answer.headers.get_list("WWW-Authenticate"))
    masked = re.sub(r'"(?:[^"\\]|\\.)*"', lambda quoted: "_" * len(quoted[0]), offered)  # holds commas and words
    starts = [found.start(1) for found in _SCHEME.finditer(masked)]
    texts = [offered[start:end].strip(" ,") for start, end in pairwise([*starts, len(offered)])]
    return [Challenge(text.split()[0], text) for text in texts]


class SignIn(httpx.Auth):
    """Asks a server once, without credentials, how it wants somebody to sign in, and does so with each request.

    A server that asks for Digest is thus never sent the password itself. Of several ways the first is taken that can be
    done here. Where it does not say, that is Basic. So that no photo is sent for nothing, a server that wants Digest is
    asked again before a PUT if its nonce may have run out. A request that is refused because its server wants the other
    way after all, or another nonce, is sent once more: a body has to be one that can be read again.

    Args:
        where: the address that is asked for, by PROPFIND.
        user: who signs in.
        password: of the user.
    """

    def __init__(self, where: str, user: str, password: Secret) -> None:
        self._where = where
        self._ways = {
            "basic": httpx.BasicAuth(user, password.reveal()),
            "digest": httpx.DigestAuth(user, password.reveal()),
        }
        self._way: str | None = None
        self._told = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the requests that one takes; see `httpx.Auth`."""
        asked = None
        if self._way is None or (self._way == "digest" and request.method == "PUT" and self._age() > _FRESH):
            asked = yield self._question(request)
            if asked.status_code in _BUSY:
                return  # which is the answer to the request, too: it is to be left alone
            self._way = _chosen(asked) or self._way or "basic"
        answer = yield from self._signed(request, asked)
        other = _chosen(answer)
        if other and other != self._way and self._way not in [one.way for one in challenges(answer)]:
            self._way = other
            yield from self._signed(request, answer)

    def _question(self, request: httpx.Request) -> httpx.Request:
        headers = {"Depth": "0", "User-Agent": request.headers.get("User-Agent", "")}
        return httpx.Request("PROPFIND", self._where, headers=headers, extensions=request.extensions)

    def _signed(
        self, request: httpx.Request, asked: httpx.Response | None
    ) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
        """Send a request by the way that was chosen, and return the last answer.

        Args:
            request: which.
            asked: an answer whose challenge was not met yet, so that the request is not sent for nothing.
        """
        way = self._way or "basic"
        flow = self._ways[way].auth_flow(request)
        sending = next(flow)
        if way == "digest" and asked is not None and _chosen(asked):
            sending = flow.send(self._of_digest(asked))
        while True:
            answer = yield sending
            try:
                sending = flow.send(self._of_digest(answer) if way == "digest" else answer)
            except StopIteration:
                return answer

    def _of_digest(self, answer: httpx.Response) -> httpx.Response:
        """Return an answer with the one challenge that httpx is to meet: it would take one that it cannot do."""
        found = next((one.text for one in challenges(answer) if one.way == "digest"), None)
        if found is None:
            return httpx.Response(answer.status_code, request=answer.request)
        self._told = time.monotonic()
        headers = {"WWW-Authenticate": f"Digest {found.split(maxsplit=1)[1]}"}
        return httpx.Response(answer.status_code, headers=headers, request=answer.request)

    def _age(self) -> float:
        """Seconds since the server told a nonce."""
        return time.monotonic() - self._told


def _chosen(answer: httpx.Response) -> str | None:
    """Return the first way to sign in that an answer asks for and that can be done here."""
    if answer.status_code != 401:
        return None
    return next((one.way for one in challenges(answer) if one.way), None)
