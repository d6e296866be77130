"""Jobs: photos that are sent once, looked at, protected in one way or another, and fetched; albums, and the page."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from cloak.targets import Treatment
from cloak.web import bodies, names
from cloak.web.protectors import RefusedError
from cloak.web.routes_photo import container_of
from cloak.web.routing import FILE_NAME, PHOTO_BODY, Route
from cloak.web.schemas import JobMade, JobTold, PhotoTold, Start, answers
from cloak.web.server import Server, server_of
from cloak.web.states import JobState, Photo
from cloak.web.tasks import How

router = APIRouter(prefix="/v1/jobs", route_class=Route, tags=["job"])

JobId = Annotated[str, Path(description="of the job", min_length=1, max_length=64)]
PhotoId = Annotated[str, Path(description="of the photo", min_length=1, max_length=64)]
TheServer = Annotated[Server, Depends(server_of)]


def photo_told(server: Server, photo: Photo) -> dict[str, object]:
    """Return a photo as JSON."""
    return {
        "id": photo.id,
        "name": photo.name,
        "bytes": photo.held.count,
        "state": photo.state,
        "inspection": photo.inspection,
        "outcome": photo.outcome,
        "progress": server.jobs.progress(photo),
        "upload": photo.upload,
    }


@router.post("", operation_id="make_job", summary="Make a job", status_code=201, response_model=JobMade,
             responses=answers(429))  # fmt: skip
async def make(server: TheServer) -> JobMade:
    """An empty one; it is forgotten some time after the last request for it."""
    return JobMade(id=server.jobs.make().id)


@router.get("/{job}", operation_id="get_job", summary="How far a job is", response_model=JobTold,
            responses=answers(404))  # fmt: skip
async def get(job: JobId, server: TheServer) -> dict[str, object]:
    """The job, its photos, and a guess at the seconds that are left."""
    found = server.jobs.get(job)
    return {
        "id": found.id,
        "state": found.state,
        "photos": [photo_told(server, photo) for photo in found.photos.values()],
        "seconds_left": server.jobs.seconds_left(found),
    }


@router.delete("/{job}", operation_id="delete_job", summary="Forget a job", status_code=204, response_class=Response,
               responses=answers(404))  # fmt: skip
async def delete(job: JobId, server: TheServer) -> Response:
    """Its photos are forgotten, and what is being done about them is stopped."""
    server.jobs.delete(server.jobs.get(job))
    return Response(status_code=204)


@router.post("/{job}/photos", operation_id="add_photo", summary="Send a photo", status_code=201,
             response_model=PhotoTold, responses=answers(404, 413, 415, 429, 503),
             openapi_extra={**PHOTO_BODY, **FILE_NAME})  # fmt: skip
async def add(job: JobId, request: Request, server: TheServer) -> dict[str, object]:
    """It is looked at, and kept as it came until the job is forgotten."""
    found = server.jobs.get(job)
    name = names.received(request.headers.get("cloak-filename"))
    if len(found.photos) + found.coming >= server.settings.photos_per_job:
        raise RefusedError(
            413, "too_many_photos", f"a job has at most {server.settings.photos_per_job} photos: make another one"
        )
    found.coming += 1
    try:
        photo = await _received(request, server, name)
    finally:
        found.coming -= 1
    try:
        server.jobs.add(found, photo)
    except RefusedError:
        photo.forget()
        raise
    return photo_told(server, photo)


async def _received(request: Request, server: Server, name: str) -> Photo:
    body = await bodies.read(request, server.settings, server.memory)
    try:
        data = body.data
        seen = await bodies.unless_gone(request, server.off(lambda: server.look(data, name, picture=True)))
    except BaseException:
        body.held.release()
        raise
    return Photo(id=secrets.token_hex(16), name=name, original=data, inspection=seen, held=body.held)


@router.delete("/{job}/photos/{photo}", operation_id="delete_photo", summary="Forget a photo", status_code=204,
               response_class=Response, responses=answers(404))  # fmt: skip
async def delete_photo(job: JobId, photo: PhotoId, server: TheServer) -> Response:
    """What is being done about it is stopped."""
    server.jobs.remove(server.jobs.get(job), photo)
    return Response(status_code=204)


@router.post("/{job}/start", operation_id="start_job", summary="Protect photos of a job", status_code=202,
             response_model=JobTold, responses=answers(404, 409, 413, 415, 429, 503))  # fmt: skip
async def start(job: JobId, wanted: Start, server: TheServer) -> dict[str, object]:
    """Those that are named, or all; photos that are done are done again."""
    found = server.jobs.get(job)
    how = How(strength=wanted.strength, container=container_of(wanted.format), no_face=wanted.no_face)
    server.jobs.start(found, _choices(found, wanted), how, wanted.names)
    return await get(job, server)


def _choices(job: JobState, wanted: Start) -> dict[str, dict[int, Treatment]]:
    if wanted.photos is None:
        return {identity: {} for identity in job.photos}
    return {
        identity: {int(index): treatment for index, treatment in one.faces.items()}
        for identity, one in wanted.photos.items()
    }
