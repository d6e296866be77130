"""What is seen and fetched of a job: pictures, faces, previews, protected files, the archive."""

import base64
import zipfile
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from cloak.image.sniff import HEAD, recognise
from cloak.targets import Treatment
from cloak.web import bodies, names, pictures, verdicts
from cloak.web.errors import not_found
from cloak.web.protectors import RefusedError
from cloak.web.routes_jobs import JobId, PhotoId, TheServer
from cloak.web.routes_photo import TYPES
from cloak.web.routing import Route, gives
from cloak.web.schemas import PreviewAsked, PreviewTold, Which, answers
from cloak.web.server import Clock
from cloak.web.states import Photo
from cloak.web.tasks import How, Task

router = APIRouter(prefix="/v1/jobs/{job}", route_class=Route, tags=["result"])

_DATED = (1980, 1, 1, 0, 0, 0)
"""The first date that an archive can hold: it says nothing."""

_LOOK = (404, 409, 413, 415, 429, 503)
_FILE = {"Content-Disposition": "what the file is called"}


def _bytes(photo: Photo, which: Which) -> bytes:
    if which == "original":
        return photo.original
    if not photo.written:
        raise RefusedError(409, "conflict", "the photo is not protected yet: start the job and wait until it is done")
    return photo.written


def _box(photo: Photo, index: int) -> pictures.Box:
    if index >= len(photo.faces):
        raise not_found("face")
    left, top, right, bottom = photo.faces[index]["box"]
    return left, top, right, bottom


@router.get("/photos/{photo}/picture", operation_id="get_picture", summary="A photo for display",
            response_class=Response,
            responses={**answers(*_LOOK), **gives("image/jpeg", what="a picture")})  # fmt: skip
async def picture(
    job: JobId,
    photo: PhotoId,
    request: Request,
    server: TheServer,
    *,
    which: Which = "original",
    side: Annotated[int, Query(ge=16, le=4096, description="pixels of its longer side, at most")] = 1200,
) -> Response:
    """Decoded and encoded anew."""
    data = _bytes(server.jobs.get(job).photo(photo), which)
    made = server.off(lambda: pictures.display(server.decode(data), side))
    return Response(await bodies.unless_gone(request, made), media_type="image/jpeg")


@router.get("/photos/{photo}/faces/{index}", operation_id="get_face", summary="A face at 100 %",
            response_class=Response,
            responses={**answers(*_LOOK), **gives("image/png", what="its region")})  # fmt: skip
async def face(
    job: JobId, photo: PhotoId, index: int, request: Request, server: TheServer, *, which: Which = "original"
) -> Response:
    """The region of its cloak, or the middle of that."""
    found = server.jobs.get(job).photo(photo)
    if index < 0:
        raise not_found("face")
    data, box = _bytes(found, which), _box(found, index)
    made = server.off(lambda: pictures.face(server.decode(data), box))
    return Response(await bodies.unless_gone(request, made), media_type="image/png")


@router.post("/photos/{photo}/preview", operation_id="preview", summary="Show what a strength does to a face",
             response_model=PreviewTold, responses=answers(*_LOOK))  # fmt: skip
async def preview(
    job: JobId, photo: PhotoId, wanted: PreviewAsked, request: Request, server: TheServer
) -> dict[str, object]:
    """The same as the real run would do to it; nothing is kept."""
    clock = Clock()
    found = server.jobs.get(job).photo(photo)
    box, data = _box(found, wanted.face), found.original
    choices = dict.fromkeys(range(len(found.faces)), Treatment.LEAVE) | {wanted.face: Treatment.PROTECT}
    task = Task(content=data, how=How(strength=wanted.strength), choices=choices, faces=1)
    written, outcome = await bodies.unless_gone(request, server.engine.run(task))
    made = server.off(lambda: [pictures.face(server.decode(one), box) for one in (data, written)])
    before, after = (base64.b64encode(one).decode() for one in await made)
    return {"before": before, "after": after, "outcome": verdicts.document(outcome), "seconds": clock.seconds}


@router.get("/photos/{photo}/protected", operation_id="get_protected", summary="A protected file",
            response_class=Response, responses={**answers(404, 409), **gives(*TYPES.values(), what="the file",
                                                                            headers=_FILE)})  # fmt: skip
async def protected(job: JobId, photo: PhotoId, server: TheServer) -> Response:
    """As it was written and judged."""
    found = server.jobs.get(job).photo(photo)
    data = _bytes(found, "protected")
    headers = {"Content-Disposition": names.disposition(found.target)}
    return Response(data, media_type=TYPES[recognise(data[:HEAD])], headers=headers)


@router.get("/archive", operation_id="get_archive", summary="All protected files of a job", response_class=Response,
            responses={**answers(404, 409), **gives("application/zip", what="a ZIP file, not compressed",
                                                    headers=_FILE)})  # fmt: skip
async def archive(job: JobId, server: TheServer) -> Response:
    """Named as each is alone, numbered where two would have one name."""
    done = [photo for photo in server.jobs.get(job).photos.values() if photo.written]
    if not done:
        raise RefusedError(409, "conflict", "no photo is protected yet: start the job and wait until it is done")
    files = list(zip(names.unique(photo.target for photo in done), [photo.written for photo in done], strict=True))
    headers = {"Content-Disposition": names.disposition("protected.zip")}
    return StreamingResponse(_zipped(files), media_type="application/zip", headers=headers)


async def _zipped(files: list[tuple[str, bytes]]) -> AsyncIterator[bytes]:
    """Yield an archive piece by piece: no second copy of all photos is ever held."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w") as archive:  # type: ignore[call-overload]  # all that it needs is write
        for name, data in files:
            entry = zipfile.ZipInfo(name, _DATED)
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            archive.writestr(entry, data)
            yield pieces.taken()
    yield pieces.taken()


class _Pieces:
    """Holds what is written until it is taken; it cannot go back."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        held, self._held = bytes(self._held), bytearray()
        return held
