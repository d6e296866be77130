"""Who may ask what: host, origin and token are looked at before anything else; headers are on every answer.

This is the outermost layer: pure ASGI, so that no answer of a framework gets past it.
"""

import hmac
import json
import logging
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from cloak.web.errors import internal, place
from cloak.web.metrics import Metrics
from cloak.web.middleware import App, Message, Receive, Scope, Send
from cloak.web.protectors import RefusedError
from cloak.web.settings import ANYWHERE, LOOPBACK, Settings

LOG = logging.getLogger("cloak.web")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Guard:
    """Lets those requests through that may be here.

    Args:
        app: what answers them.
        settings: of the server.
        metrics: where each answer is counted.
    """

    def __init__(self, app: App, settings: Settings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._token = settings.token.encode()
        self._hosts = _hosts(settings)
        self._proxied = frozenset(name.lower() for name in settings.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or whatever else a server has to say."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(scope, receive)
        answer = _Answer(scope, send, body)
        begun = time.monotonic()
        try:
            self._check(scope)
            await self._app(scope, body, answer)
        except RefusedError as error:
            await refuse(answer, error)
        except Exception as error:
            LOG.error("%s %s: %s in %s", _method(scope), template(scope), type(error).__name__, place(error))
            if not answer.status:
                await refuse(answer, internal())
        finally:
            seconds = time.monotonic() - begun
            route = template(scope)
            self._metrics.answered(scope["method"], route, answer.status, seconds)
            LOG.info("%s %s %s %.0f ms %s bytes", _method(scope), route, answer.status, 1000 * seconds, answer.sent)

    def _check(self, scope: Scope) -> None:
        """Refuse whoever may not be here.

        Raises:
            RefusedError: it may not.
        """
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        hosts = headers.get(b"host", [])
        host = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
        if not self._is_ours(host, scope):
            raise RefusedError(421, "wrong_host", "this server is not known by that name: see --allow-host")
        origins = headers.get(b"origin", [])
        if len(origins) > 1 or (origins and not self._is_own(origins[0].decode("latin-1").lower(), host)):
            raise RefusedError(403, "foreign_origin", "requests of other sites are refused")
        if any(value.lower() == b"cross-site" for value in headers.get(b"sec-fetch-site", [])):
            raise RefusedError(403, "foreign_origin", "requests of other sites are refused")
        if is_private(scope["path"]) and not self._has_token(headers.get(b"authorization", [])):
            raise RefusedError(
                401, "unauthorised", "send the token that the server was started with: Authorization: Bearer TOKEN"
            )

    def _is_ours(self, host: str, scope: Scope) -> bool:
        if host in self._hosts:
            return True
        if self._settings.host not in ANYWHERE or not scope.get("server"):
            return False
        address = scope["server"][0].lower()  # of this machine, which the connection came to: no name can stand for it
        return host in _spelled(address, self._settings.port, self._settings.scheme)

    def _is_own(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        if origin != f"{parts.scheme}://{parts.netloc}" or parts.netloc != host:
            return False
        behind = host in self._proxied or host.rpartition(":")[0] in self._proxied
        return parts.scheme == self._settings.scheme or (behind and parts.scheme == "https")

    def _has_token(self, values: list[bytes]) -> bool:
        if len(values) != 1:
            return False
        kind, _, token = values[0].partition(b" ")
        return hmac.compare_digest(token.strip(), self._token) and kind.lower() == b"bearer"


class _Body:
    """Knows whether a body has been read to its end."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        announced = {name.lower(): value for name, value in scope["headers"]}
        self.left = b"transfer-encoding" in announced or announced.get(b"content-length", b"0").strip(b"0 ") != b""
        self._receive = receive

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self.left = False
        return message


class _Answer:
    """Puts headers on an answer, and takes note of it."""

    def __init__(self, scope: Scope, send: Send, body: _Body) -> None:
        self.status, self.sent = 0, 0
        self._scope, self._send, self._body = scope, send, body

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*self._wanted(message.get("headers", [])), *_HEADERS]}
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        await self._send(message)

    def _wanted(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        kept = [(name, value) for name, value in headers if name.lower() != b"cache-control"]
        path = self._scope["path"]
        if self._body.left:
            kept.append((b"connection", b"close"))  # the rest of a body that is refused is not waited for
        fresh = b"no-cache" if path == "/" or path.startswith("/page/") else b"no-store"
        return [*kept, (b"cache-control", fresh)]


async def refuse(send: Send, error: RefusedError) -> None:
    """Answer with an error."""
    body = json.dumps({"error": error.code, "message": error.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.after is not None:
        headers.append((b"retry-after", str(error.after).encode()))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def is_private(path: str) -> bool:
    """Whether a path is for those with the token alone."""
    return path == "/v1" or path.startswith("/v1/") or path == "/metrics" or path.startswith("/metrics/")


def template(scope: Scope) -> str:
    """The route of a request, without what a client wrote into it."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", "-"))


def _method(scope: Scope) -> str:
    known = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
    return scope["method"] if scope["method"] in known else "other"


def _hosts(settings: Settings) -> frozenset[str]:
    names = set(LOOPBACK) if settings.host in LOOPBACK | ANYWHERE else {settings.host}
    spelled = {each for name in names for each in _spelled(name, settings.port, settings.scheme)}
    for name in settings.hosts:
        given = name.lower()
        spelled |= {given} if ":" in given.rpartition("]")[2] else {given, *_spelled(given, settings.port, "")}
    return frozenset(spelled)


def _spelled(name: str, port: int, scheme: str) -> set[str]:
    """The ways in which a browser writes a host and a port."""
    host = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return {f"{host}:{port}", *({host} if _DEFAULT_PORTS.get(scheme) == port else ())}
