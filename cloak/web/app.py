"""The application: routes, errors as JSON, and the guard in front of it all."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cloak.web import routes_jobs, routes_open, routes_photo, routes_results, routes_upload
from cloak.web.bodies import GoneClient
from cloak.web.engine import Engine
from cloak.web.errors import internal
from cloak.web.guard import Guard, template
from cloak.web.middleware import App
from cloak.web.protectors import RefusedError
from cloak.web.server import Server
from cloak.web.settings import Settings

LOG = logging.getLogger("cloak.web")

_ABOUT = "Photos go in; files come out that face search cannot match and that say nothing. Nothing is kept on a disk."
_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}


def create_app(settings: Settings, engine: Engine) -> App:
    """Make the application.

    Args:
        settings: of the server.
        engine: what protects photos; it is started and ended with the application.
    """
    server = Server(settings, engine)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await server.open()
        try:
            yield
        finally:
            await server.close()

    app = FastAPI(
        title="cloak", description=_ABOUT, version=version("photo-cloak"), lifespan=life, docs_url=None, redoc_url=None,
        redirect_slashes=False, separate_input_output_schemas=False,
    )  # fmt: skip
    app.state.server = server
    for each in (
        routes_open.router,
        routes_photo.router,
        routes_jobs.router,
        routes_results.router,
        routes_upload.router,
    ):
        app.include_router(each)
    if not settings.api_only:
        server.page = routes_open.files()
        app.include_router(routes_open.page)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    document = app.openapi

    def openapi() -> dict[str, Any]:
        told = document()
        told.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        told["security"] = [{"token": []}]
        return told

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it
    return Guard(app, settings, server.metrics)


def _refused(error: RefusedError) -> Response:
    headers = {} if error.after is None else {"Retry-After": str(error.after)}
    return JSONResponse({"error": error.code, "message": error.message}, error.status, headers)


async def _on_refused(_: Request, error: Exception) -> Response:
    return _refused(error) if isinstance(error, RefusedError) else _refused(internal())


async def _on_invalid(_: Request, error: Exception) -> Response:
    where = {"query": "query", "path": "path", "body": "body", "header": "header"}
    found = error.errors() if isinstance(error, RequestValidationError) else []
    told = [f"{where.get(str(one['loc'][0]), 'request')}: {one['msg']}" for one in found[:3]]
    return _refused(RefusedError(400, "bad_request", "; ".join(told) or "the request cannot be read"))


async def _on_http(request: Request, error: Exception) -> Response:
    cause = error.__cause__  # FastAPI wraps whatever is raised while it reads a body
    if isinstance(cause, RefusedError):
        return _refused(cause)
    if isinstance(cause, GoneClient):
        return await _on_gone(request, cause)
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if status == 405:
        headers["Allow"] = ", ".join(_methods(request))
    code = _CODES.get(status, "bad_request")
    told = {404: "there is nothing here", 405: "this cannot be done here: see the Allow header"}
    return JSONResponse({"error": code, "message": told.get(status, "the request cannot be read")}, status, headers)


def _methods(request: Request) -> list[str]:
    """Say what can be done at a path, by all routes that have it: FastAPI names those of the first alone."""
    document: dict[str, Any] = request.app.openapi()
    route = template(request.scope)
    named = [method.upper() for method in document["paths"].get(route, {})]
    return sorted(named or ["GET"])


async def _on_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it; the log says so


async def _on_other(_: Request, __: Exception) -> Response:
    return _refused(internal())  # the guard says in the log what it was


_Handler = Callable[[Request, Exception], Awaitable[Response]]
_HANDLERS: dict[type[Exception], _Handler] = {
    RefusedError: _on_refused,
    RequestValidationError: _on_invalid,
    HTTPException: _on_http,
    GoneClient: _on_gone,
    Exception: _on_other,
}
