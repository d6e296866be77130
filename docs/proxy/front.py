"""A reverse proxy that protects the photos of uploads before an application of any kind sees them.

    CLOAK_SERVE_TOKEN=... CLOAK_SERVE=http://127.0.0.1:8400 BACKEND=http://127.0.0.1:8000 UPLOADS=/upload,/avatar \
        uvicorn --factory front:app --host 127.0.0.1 --port 8500

Put it between nginx or Caddy and the application, on the paths that uploads go to (nginx.conf, Caddyfile). An
application that is ASGI itself needs no proxy: wrap it in `ProtectUploads`.
"""

import os
from collections.abc import AsyncIterator

import httpx

from cloak.web.middleware import App, ProtectUploads, Receive, Scope, Send

# RFC 9110, 7.6.1: these are about one connection, not about the request.
HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}


class Forward:
    """Hands requests on to an application, streaming in both directions.

    Args:
        backend: where it is, as http://127.0.0.1:8000.
    """

    def __init__(self, backend: str) -> None:
        self._backend = httpx.URL(backend)
        self._client = httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(None, connect=10))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError("WebSockets go to the application directly")
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        url = self._backend.copy_with(raw_path=target)
        headers = [(key, value) for key, value in scope["headers"] if key not in HOP]
        request = self._client.build_request(scope["method"], url, content=_body(receive))
        request.headers = httpx.Headers(headers)
        if b"content-length" not in dict(headers) and _has_body(scope):
            request.headers["transfer-encoding"] = "chunked"
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.HTTPError:
            await send({"type": "http.response.start", "status": 502, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        try:
            headers = [(key.lower(), value) for key, value in answer.headers.raw if key.lower() not in HOP]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
            async for piece in answer.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.shutdown":
                await self._client.aclose()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return


def _has_body(scope: Scope) -> bool:
    return any(key == b"transfer-encoding" for key, _ in scope["headers"])


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise httpx.WriteError("the sender went away")
        more = message.get("more_body", False)
        if message.get("body"):
            yield message["body"]


def app() -> App:
    """The proxy, as the environment says."""
    return ProtectUploads(
        Forward(os.environ["BACKEND"]),
        service_url=os.environ["CLOAK_SERVE"],
        paths=os.environ.get("UPLOADS", "/").split(","),
    )
