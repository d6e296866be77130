"""One photo, one request: what a platform calls."""

import json
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from cloak.config import NoFacePolicy, Strength
from cloak.container import Container
from cloak.image.sniff import HEAD, recognise
from cloak.targets import Treatment
from cloak.web import bodies, names, verdicts
from cloak.web.protectors import RefusedError
from cloak.web.routing import FILE_NAME, PHOTO_BODY, Route, gives
from cloak.web.schemas import Format, InspectionTold, answers
from cloak.web.server import Server, server_of
from cloak.web.tasks import How, Task

router = APIRouter(prefix="/v1", route_class=Route, tags=["photo"])

TYPES = {kind: f"image/{kind}" for kind in Container}
PATTERN = r"^([0-9]{1,4}:(protect|blur|leave)(,[0-9]{1,4}:(protect|blur|leave))*)?$"
_WRITTEN = tuple(TYPES[kind] for kind in Container if kind not in (Container.GIF, Container.BMP, Container.JP2))
_FULL = (413, 415, 429, 503)


def container_of(wanted: Format | None) -> Container | None:
    """Return the container that is asked for, None for that of the photo."""
    return None if wanted in (None, "keep") else Container(wanted)


def choices_of(text: str) -> Mapping[int, Treatment]:
    """Read choices for single faces, as 0:blur,2:leave.

    Raises:
        RefusedError: a face is named twice.
    """
    pairs = [one.split(":") for one in text.split(",") if one]
    if len({int(index) for index, _ in pairs}) < len(pairs):
        raise RefusedError(422, "face_choice", f"a face is named twice in {text}: say once what to do with it")
    return {int(index): Treatment(treatment) for index, treatment in pairs}


@router.post(
    "/protect",
    operation_id="protect",
    summary="Protect a photo",
    response_class=Response,
    responses={**answers(*_FULL), **gives(*_WRITTEN, what="the protected file", headers={
        "Cloak-Outcome": "what became of it, an Outcome as ASCII JSON"})},
    openapi_extra=PHOTO_BODY,
)  # fmt: skip
async def protect(
    request: Request,
    server: Annotated[Server, Depends(server_of)],
    *,
    strength: Strength = Strength.BALANCED,
    format: Format = "keep",
    faces: Annotated[str, Query(pattern=PATTERN, description="for single faces: 0:blur,2:leave")] = "",
    no_face: NoFacePolicy = NoFacePolicy.STRIP,
) -> Response:
    """Cloak the faces of a photo, strip what its file says, and judge what was written."""
    choices = choices_of(faces)
    how = How(strength=strength, container=container_of(format), no_face=no_face)
    with await bodies.read(request, server.settings, server.memory) as data:
        task = Task(content=data, how=how, choices=choices)
        try:
            written, outcome = await bodies.unless_gone(request, server.engine.run(task))
        except RefusedError:
            server.metrics.photo("failed")
            raise
    server.metrics.photo(str(outcome.status))
    told = json.dumps(verdicts.document(outcome))
    return Response(written, media_type=TYPES[recognise(written[:HEAD])], headers={"Cloak-Outcome": told})


@router.post(
    "/strip",
    operation_id="strip",
    summary="Strip a photo's metadata, its coded pixels untouched",
    response_class=Response,
    responses={**answers(*_FULL), **gives(*TYPES.values(), what="the stripped file", headers={
        "Cloak-Removed": "names of what was removed, ASCII JSON"})},
    openapi_extra=PHOTO_BODY,
)  # fmt: skip
async def strip(request: Request, server: Annotated[Server, Depends(server_of)]) -> Response:
    """Copy the picture into a new file and leave all else out."""
    with await bodies.read(request, server.settings, server.memory) as data:
        told, written = await bodies.unless_gone(request, server.off(server.readers.strip, data))
    server.metrics.photo("stripped")
    removed = json.dumps(list(told["removed"]))
    return Response(written, media_type=TYPES[Container(told["container"])], headers={"Cloak-Removed": removed})


@router.post(
    "/inspect",
    operation_id="inspect",
    summary="Say what a photo would give away",
    response_model=InspectionTold,
    responses=answers(*_FULL),
    openapi_extra={**PHOTO_BODY, **FILE_NAME},
)
async def inspect(request: Request, server: Annotated[Server, Depends(server_of)]) -> object:
    """Read what the file says, and find its faces."""
    name = names.received(request.headers.get("cloak-filename"))
    with await bodies.read(request, server.settings, server.memory) as data:
        return await bodies.unless_gone(request, server.off(lambda: server.look(data, name, picture=False)))
