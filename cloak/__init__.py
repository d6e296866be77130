"""Make photos safe to post.

Names are loaded when they are first used, so that importing `cloak` does not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloak.cloaker import Cloaker
    from cloak.config import (
        AttackConfig,
        Budget,
        FacePolicy,
        NoFacePolicy,
        ProtectConfig,
        Strength,
    )
    from cloak.container import ColourSpace, Container, Encoding
    from cloak.errors import (
        CloakError,
        PhotoError,
    )
    from cloak.image.codec import decode, encode
    from cloak.image.strip.bare import strip
    from cloak.image.strip.base import Keep
    from cloak.models import Profile
    from cloak.names import NamePolicy
    from cloak.outcome import Outcome, Status
    from cloak.photo import BarePhoto, Face, FaceBatch, Photo
    from cloak.pipeline import protect
    from cloak.sources import find_photos
    from cloak.stripping import StripConfig, Stripped, strip_photos
    from cloak.targets import plan
    from cloak.verify import Verdict

_HOMES = {
    "AttackConfig": "config",
    "BarePhoto": "photo",
    "Budget": "config",
    "BystanderPolicy": "config",
    "CloakError": "errors",
    "Cloaker": "cloaker",
    "ColourSpace": "container",
    "Container": "container",
    "Encoding": "container",
    "Face": "photo",
    "FaceBatch": "photo",
    "FacePolicy": "config",
    "Keep": "image.strip.base",
    "NamePolicy": "names",
    "NoFacePolicy": "config",
    "Outcome": "outcome",
    "Photo": "photo",
    "PhotoError": "errors",
    "Profile": "models",
    "ProtectConfig": "config",
    "ProtectPolicy": "config",
    "References": "references",
    "Status": "outcome",
    "Strength": "config",
    "StripConfig": "stripping",
    "Stripped": "stripping",
    "Verdict": "verify",
    "decode": "image.codec",
    "encode": "image.codec",
    "find_photos": "sources",
    "plan": "targets",
    "protect": "pipeline",
    "strip": "image.strip.bare",
    "strip_photos": "stripping",
}

__all__ = [
    "AttackConfig",
    "BarePhoto",
    "Budget",
    "BystanderPolicy",
    "CloakError",
    "Cloaker",
    "ColourSpace",
    "Container",
    "Encoding",
    "Face",
    "FaceBatch",
    "FacePolicy",
    "Keep",
    "NamePolicy",
    "NoFacePolicy",
    "Outcome",
    "Photo",
    "PhotoError",
    "Profile",
    "ProtectConfig",
    "ProtectPolicy",
    "References",
    "Status",
    "Strength",
    "StripConfig",
    "Stripped",
    "Verdict",
    "decode",
    "encode",
    "find_photos",
    "plan",
    "protect",
    "strip",
    "strip_photos",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'cloak' has no attribute {name!r}")
    value = getattr(import_module(f"cloak.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
