"""Where protected photos can go, and sending them there."""

from fastapi import APIRouter

from cloak.web import uploads
from cloak.web.protectors import RefusedError
from cloak.web.routes_jobs import JobId, TheServer, get
from cloak.web.routing import Route
from cloak.web.schemas import DestinationTold, JobTold, UploadAsked, answers
from cloak.web.states import JobState, Photo
from cloak.web.uploads import STATE, Parting

router = APIRouter(prefix="/v1", route_class=Route, tags=["upload"])


@router.get("/destinations", operation_id="get_destinations", summary="Where photos can be uploaded to",
            response_model=list[DestinationTold], responses=answers(429))  # fmt: skip
async def destinations(server: TheServer) -> object:
    """What `cloak upload setup` set up; nothing that is secret."""
    return await server.off(uploads.destinations)


@router.post("/jobs/{job}/upload", operation_id="upload_job", summary="Upload the protected photos of a job",
             status_code=202, response_model=JobTold, responses=answers(404, 409, 429))  # fmt: skip
async def upload(job: JobId, wanted: UploadAsked, server: TheServer) -> object:
    """Those that are protected and not up yet; how far each is, is told with the job."""
    found = server.jobs.get(job)
    photos = _leaving(found)
    for photo in photos:
        photo.upload = dict(STATE)
    try:
        place, wish, destination = await server.off(
            lambda: server.uploads.prepare(
                wanted.destination,
                expires=wanted.expires,
                public=wanted.public,
                link=wanted.link,
                album=wanted.album or "",
            )
        )
    except BaseException:
        for photo in photos:
            photo.upload = None
        raise
    partings = [_parting(found, photo, wanted.alt.get(photo.id, "")) for photo in photos]
    server.uploads.send(place, wish, destination, partings)
    return await get(job, server)


def _leaving(job: JobState) -> list[Photo]:
    """Return the photos that are to be uploaded.

    Raises:
        RefusedError: there are none, or something is being done about them.
    """
    photos = [photo for photo in job.photos.values() if photo.written]
    if not photos:
        raise RefusedError(409, "conflict", "no photo is protected yet: start the job and wait until it is done")
    if any(photo.busy for photo in job.photos.values()):
        raise RefusedError(409, "conflict", "photos of this job are being worked on: wait until they are done")
    return photos


def _parting(job: JobState, photo: Photo, alt: str) -> Parting:
    def told(upload: dict[str, object]) -> None:
        photo.upload = upload

    return Parting(
        name=photo.name, data=photo.written, alt=alt, told=told, wanted=lambda: job.photos.get(photo.id) is photo
    )
