"""The page, whether the server is well, what it can do, and what it counted."""

from importlib import resources
from importlib.metadata import version
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response

from cloak.config import Strength
from cloak.web.errors import not_found
from cloak.web.routing import Route
from cloak.web.schemas import FORMATS, Health, Limits, SettingsTold, StrengthChoice, answers
from cloak.web.server import Server, server_of

router = APIRouter(route_class=Route, tags=["server"])
page = APIRouter(include_in_schema=False)

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


def files() -> dict[str, tuple[bytes, str]]:
    """Read the page's files into a table, once: nothing but what is in it is ever served."""
    found: dict[str, tuple[bytes, str]] = {}
    folder = resources.files("cloak.web").joinpath("page")
    for prefix, place in (("", folder), ("languages/", folder.joinpath("languages"))):
        for file in place.iterdir() if place.is_dir() else ():
            ending = "." + file.name.rpartition(".")[2]
            if file.is_file() and ending in _TYPES:
                found[prefix + file.name] = (file.read_bytes(), _TYPES[ending])
    return found


@page.get("/")
async def index(server: Annotated[Server, Depends(server_of)]) -> Response:
    """The page."""
    return _file(server, "index.html")


@page.get("/page/{name:path}")
async def part(name: str, server: Annotated[Server, Depends(server_of)]) -> Response:
    """A file of the page."""
    return _file(server, name)


def _file(server: Server, name: str) -> Response:
    if name not in server.page:
        raise not_found("file")
    content, kind = server.page[name]
    return Response(content, media_type=kind)


@router.get(
    "/healthz",
    operation_id="health",
    summary="Whether the server can be used",
    response_model=Health,
    responses={503: {"model": Health}, **{k: v for k, v in answers().items() if k not in (401,)}},
    openapi_extra={"security": []},
)
async def health(response: Response, server: Annotated[Server, Depends(server_of)]) -> Health:
    """For whoever looks after it."""
    ready, ending = server.engine.ready.is_set(), server.engine.ending or server.engine.failure is not None
    status: Literal["ok", "starting", "stopping"] = "stopping" if ending else "ok" if ready else "starting"
    response.status_code = 200 if status == "ok" else 503
    return Health(status=status)


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="What was counted, for Prometheus",
    response_class=Response,
    responses={**answers(), 200: {"description": "text", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(server: Annotated[Server, Depends(server_of)]) -> Response:
    """Requests by route and status, seconds, queue, photos, bytes held."""
    return Response(server.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get(
    "/v1/settings",
    operation_id="settings",
    summary="What the server can do, and its limits",
    response_model=SettingsTold,
    responses=answers(),
)
async def settings(server: Annotated[Server, Depends(server_of)]) -> SettingsTold:
    """For the page, and for those who want to know before they send."""
    own = server.settings
    return SettingsTold(
        version=version("photo-cloak"),
        strengths=[StrengthChoice(name=one, default=one is Strength.BALANCED) for one in Strength],
        formats=list(FORMATS),
        limits=Limits(
            bytes=own.max_bytes,
            pixels=own.max_pixels,
            faces=own.max_faces,
            photos_per_job=own.photos_per_job,
            keep_seconds=own.keep,
        ),
        weights=str(own.weights),
        limit_text_key="verdict.limit",
    )
