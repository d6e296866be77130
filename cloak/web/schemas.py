"""What the API takes and gives, as its OpenAPI document describes it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloak.config import NoFacePolicy, Strength
from cloak.names import NamePolicy
from cloak.targets import Treatment

Format = Literal["keep", "jpeg", "png", "webp", "avif", "heic", "tiff"]
FORMATS: tuple[Format, ...] = ("keep", "jpeg", "png", "webp", "avif", "heic", "tiff")
Which = Literal["original", "protected"]
FaceIndex = Annotated[str, Field(pattern=r"^[0-9]{1,4}$")]
Identity = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Error(_Told):
    """Why a request was refused."""

    error: str = Field(description="a code that stays the same", examples=["too_large", "too_many_photos"])
    message: str = Field(description="what is wrong, the value, and what to do")


class Health(_Told):
    """Whether the server can be used."""

    status: Literal["ok", "starting", "stopping"]


class StrengthChoice(_Told):
    """How much may be seen."""

    name: Strength
    default: bool


class Limits(_Told):
    """What is refused beyond."""

    bytes: int
    pixels: int
    faces: int
    photos_per_job: int
    keep_seconds: float


class SettingsTold(_Told):
    """What the server can do."""

    version: str
    strengths: list[StrengthChoice]
    formats: list[Format]
    limits: Limits
    weights: str
    limit_text_key: str = Field(description="what goes wherever a verdict goes, in the page's languages")


class Finding(_Told):
    """One thing that a file says."""

    harm: str
    what: str
    value: str | None
    source: str
    counts: bool


class EmbeddedPicture(_Told):
    """A picture inside the file."""

    what: str
    source: str
    bytes: int
    width: int | None
    height: int | None
    difference: float | None
    differs: bool


class FoundFace(_Told):
    """A face, in the order that choices count in; the box is left, top, right, bottom in upright pixels."""

    index: int
    box: list[float]
    size: float
    large: bool = Field(description="whether it is large enough for a cloak")


class InspectionTold(_Told):
    """What a photo would give away."""

    container: str | None
    width: int | None
    height: int | None
    status: str
    complete: bool
    problem: str | None
    harms: list[str]
    findings: list[Finding]
    embedded_pictures: list[EmbeddedPicture]
    not_looked_for: list[str]
    faces: list[FoundFace]


class ScoreTold(_Told):
    """How similar a recogniser finds the written face and the original."""

    recogniser: str
    witness: bool
    similarity: float
    threshold: float
    matched: bool


class BlurTold(_Told):
    """The verdict on a blurred face."""

    box: list[float]
    detected: bool
    scores: list[ScoreTold]


class FaceTold(BlurTold):
    """The verdict on a cloaked face."""

    unmatched_elsewhere: float = Field(description="share of the person's other photos that the witness would miss")
    dssim: float
    colour: float
    luma: float


class OutcomeTold(_Told):
    """What became of a photo."""

    status: Literal["protected", "stripped", "failed"]
    reason: str
    error: str | None
    found: int
    blurred: int
    left: list[str]
    removed: list[str]
    faces: list[FaceTold]
    blurs: list[BlurTold]


class UploadTold(_Told):
    """What became of an upload."""

    state: Literal["queued", "working", "uploaded", "already", "failed"]
    id: str | None = Field(description="in the ledger, for `cloak uploads delete`")
    audience: str | None
    expires: str | None
    link: str | None
    password: str | None
    delete_handle: str | None
    message: str
    progress: float


class PhotoTold(_Told):
    """One photo of a job."""

    id: str
    name: str
    bytes: int
    state: Literal["ready", "queued", "working", "done", "failed"]
    inspection: InspectionTold
    outcome: OutcomeTold | None
    progress: float
    upload: UploadTold | None


class JobMade(_Told):
    """A new job."""

    id: Identity


class JobTold(_Told):
    """A job, and how far it is."""

    id: str
    state: Literal["open", "working", "done"]
    photos: list[PhotoTold]
    seconds_left: float | None


class FaceChoices(_Told):
    """What is to be done with single faces, by their index."""

    faces: dict[FaceIndex, Treatment] = Field(default={}, json_schema_extra={"additionalProperties": False})


class Start(_Told):
    """How photos of a job are to be protected: those that are named, or all."""

    strength: Strength = Strength.BALANCED
    format: Format | None = "keep"
    names: NamePolicy = NamePolicy.KEEP
    no_face: NoFacePolicy = NoFacePolicy.STRIP
    photos: dict[str, FaceChoices] | None = None


class PreviewAsked(_Told):
    """Which face to show the effect on."""

    strength: Strength = Strength.BALANCED
    face: int = Field(default=0, ge=0, le=9999, strict=True)


class PreviewTold(_Told):
    """A face before and after, PNG in base64, at 100 %."""

    before: str
    after: str
    outcome: OutcomeTold
    seconds: float


class DestinationTold(_Told):
    """A place to upload to, as `cloak upload setup` set it up."""

    name: str
    kind: str
    audience_default: str
    expires_default: str
    can_public: bool
    can_link: bool
    can_expire: bool = Field(description="whether the server itself deletes; else the ledger says what is due")
    ready: bool


class UploadAsked(_Told):
    """Where to upload the protected photos of a job, for whom and until when."""

    destination: str
    expires: str | None = None
    public: bool = Field(default=False, strict=True)
    link: bool = Field(default=False, strict=True)
    album: str | None = None
    alt: dict[str, str] = {}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors that a route may answer with, for its document; those that all have among them."""
    return {status: {"model": Error} for status in sorted({400, 401, 403, 405, 408, 421, 422, 500, *statuses})}
