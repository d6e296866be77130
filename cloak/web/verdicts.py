"""Outcomes and inspections as the API tells them, in the words of `cloak protect --json` and `cloak inspect --json`."""

from collections.abc import Sequence
from typing import Any

from cloak.inspect import document as inspected
from cloak.inspect.finding import Inspection
from cloak.outcome import Outcome
from cloak.photo import Face, Photo
from cloak.selection import is_large
from cloak.summary import blur_document, face_document
from cloak.web.protectors import RefusedError


def document(outcome: Outcome) -> dict[str, Any]:
    """Return what became of a photo."""
    return {
        "status": str(outcome.status),
        "reason": outcome.reason,
        "error": None,
        "found": outcome.found,
        "blurred": outcome.blurred,
        "left": list(outcome.left),
        "removed": list(outcome.removed),
        "faces": [face_document(face) for face in outcome.faces],
        "blurs": [blur_document(blur) for blur in outcome.blurs],
    }


def failed(error: RefusedError) -> dict[str, Any]:
    """Return an outcome that says why there is no file."""
    return {
        "status": "failed",
        "reason": error.message,
        "error": error.code,
        "found": 0,
        "blurred": 0,
        "left": [],
        "removed": [],
        "faces": [],
        "blurs": [],
    }


def inspection(told: dict[str, Any], photo: Photo | None, faces: Sequence[Face]) -> dict[str, Any]:
    """Return what a photo would give away: what its file says, and its faces."""
    told = {key: value for key, value in told.items() if key != "path"}
    return {
        **told,
        "width": photo.width if photo else None,
        "height": photo.height if photo else None,
        "faces": [
            {
                "index": index,
                "box": [round(float(side), 2) for side in face.box],
                "size": round(float(face.size), 2),
                "large": is_large(face),
            }
            for index, face in enumerate(faces)
        ],
    }


def findings(inspection: Inspection) -> dict[str, Any]:
    """Return what a file says, as JSON."""
    return inspected.photo(inspection)
