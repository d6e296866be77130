"""Find faces in photos, where the detector and what it needs are there. PyTorch is loaded here and nowhere else."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from cloak import files
from cloak.errors import CloakError, PhotoError, WeightsError
from cloak.inspect.finding import Finding, Harm, Inspection

_LARGEST = 1 << 29
Look = Callable[[Inspection], None]


def available() -> bool:
    """Whether PyTorch is installed; it is not loaded."""
    return find_spec("torch") is not None


def watcher(*, required: bool) -> Look:
    """Return a function that looks for faces in an inspected photo, and adds what it finds.

    Args:
        required: raise where faces cannot be looked for; else that is said of each photo.

    Raises:
        CloakError: the detector cannot be had.
    """
    try:
        from cloak.faces import Detector  # noqa: PLC0415 -- needs PyTorch

        detector = Detector.from_pretrained()
    except (ImportError, WeightsError) as error:
        if required:
            raise error if isinstance(error, CloakError) else WeightsError(f"no face detector: {error}") from error
        reason = f"faces: the detector cannot be had ({error})"
        return lambda inspection: _unchecked(inspection, reason)

    def look(inspection: Inspection) -> None:
        from cloak.image.codec import decode  # noqa: PLC0415 -- needs PyTorch

        if inspection.container is None:
            return
        try:
            photo = decode(files.read(Path(inspection.path), max_bytes=_LARGEST))
            faces = detector.detect([photo.pixels])[0]
        except PhotoError as error:
            _unchecked(inspection, f"faces: {error}")
            return
        if faces:
            largest = faces[0].size
            value = f"{len(faces)}, the largest {largest:.0f} pixels high"
            found = Finding(harm=Harm.FACES, what="faces" if len(faces) > 1 else "face", value=value, source="picture")
            inspection.findings += (found,)

    return look


def _unchecked(inspection: Inspection, reason: str) -> None:
    inspection.unchecked += (reason,)
