"""What goes wrong with a request, as an answer: `{"error": code, "message": what, value, what to do}`."""

from pathlib import Path

from cloak.errors import (
    CloakError,
    FaceChoiceError,
    NoFaceError,
    PhotoError,
    ResidueError,
    TooLargeError,
    UnreadablePhotoError,
    UnsupportedPhotoError,
)
from cloak.web.protectors import RefusedError


class TooManyFacesError(PhotoError):
    """A photo has more faces than the server works on."""


class GoneError(PhotoError):
    """Nobody waits for the photo any more."""


_PHOTO: tuple[tuple[type[CloakError], int, str], ...] = (
    (TooManyFacesError, 413, "too_many_faces"),
    (TooLargeError, 413, "too_many_pixels"),
    (UnsupportedPhotoError, 415, "unsupported"),
    (ResidueError, 422, "residue"),
    (FaceChoiceError, 422, "face_choice"),
    (NoFaceError, 422, "no_face"),
    (UnreadablePhotoError, 422, "unreadable"),
)


def of_photo(error: CloakError) -> RefusedError:
    """Return what to answer for a photo that cannot be protected."""
    for kind, status, code in _PHOTO:
        if isinstance(error, kind):
            return RefusedError(status, code, str(error))
    if isinstance(error, PhotoError):
        return RefusedError(422, "unreadable", str(error))
    return internal()


def internal() -> RefusedError:
    """Return what to answer when it is the server's fault: nothing about the inside."""
    return RefusedError(500, "internal", "something went wrong in the server: its log says which request it was")


def busy(after: int) -> RefusedError:
    """Return what to answer while the queue is full."""
    return RefusedError(429, "busy", f"too many photos are waiting: try again in {after} s", after=after)


def memory_full() -> RefusedError:
    """Return what to answer while as many bytes are held as may be."""
    return RefusedError(
        429, "memory_full", "the server holds as many photos as it may: delete some, or try again later", after=30
    )


def not_found(what: str) -> RefusedError:
    """Return what to answer where there is nothing, or nothing any more."""
    return RefusedError(404, "not_found", f"there is no such {what}, or not any more")


def stopping() -> RefusedError:
    """Return what to answer while the server ends."""
    return RefusedError(503, "stopping", "the server is being stopped: try again later", after=10)


def late(seconds: float) -> RefusedError:
    """Return what to answer when a photo took too long."""
    return RefusedError(
        503, "timeout", f"the photo was not done within {seconds:g} s: send it smaller, or with fewer faces", after=30
    )


def place(error: BaseException) -> str:
    """Return where in the code an error was raised: a traceback could hold what a client sent."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
