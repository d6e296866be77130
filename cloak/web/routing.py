"""How routes read what is sent to them, and how their documents say it."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from cloak.web import bodies
from cloak.web.server import server_of

PHOTO_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "the photo's file as it is",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("application/octet-stream", "image/*")
        },
    }
}
FILE_NAME: dict[str, Any] = {
    "parameters": [
        {
            "name": "Cloak-Filename",
            "in": "header",
            "required": False,
            "description": "what the photo is called, percent-encoded",
            "schema": {"type": "string", "maxLength": 1024, "pattern": "^[!-~]*$"},
        }
    ]
}


def gives(*kinds: str, what: str, headers: dict[str, str] | None = None) -> dict[int | str, dict[str, Any]]:
    """Document an answer that is a file."""
    return {
        200: {
            "description": what,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds},
            "headers": {
                name: {"description": text, "schema": {"type": "string"}} for name, text in (headers or {}).items()
            },
        }
    }


class _Bounded(Request):
    """A request whose JSON cannot be endless."""

    async def body(self) -> bytes:
        """Read it."""
        if not hasattr(self, "_body"):
            server = await server_of(self)
            with await bodies.read(self, server.settings, server.memory, most=bodies.MOST_JSON) as data:
                self._body = data
        return self._body


class Route(APIRoute):
    """A route that reads no more of a body than there may be."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI."""
        original = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await original(_Bounded(request.scope, request.receive))

        return handler
