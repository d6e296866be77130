"""The configuration behind the options that `cloak protect`, `cloak upload` and `cloak watch` share."""

from typing import Any

from cloak.config import (
    AttackConfig,
    BystanderPolicy,
    Effort,
    FacePolicy,
    NoFacePolicy,
    ProtectConfig,
    ProtectPolicy,
    Strength,
)
from cloak.container import Container
from cloak.models import Profile
from cloak.names import NamePolicy


def configured(
    *,
    strength: str,
    effort: str,
    weights: str,
    faces: str,
    protect: str,
    bystanders: str,
    no_face: str,
    names: str = "keep",
    format: str = "keep",
    seed: int = 0,
    **others: Any,  # noqa: ANN401 -- fields of the configuration that are options as they are
) -> ProtectConfig:
    """Turn options, by their names on the command line, into a configuration.

    Raises:
        CloakError: they make no sense together.
    """
    return ProtectConfig(
        attack=AttackConfig.preset(Strength(strength), Effort(effort), seed=seed),
        weights=Profile(weights),
        faces=FacePolicy(faces),
        protect=ProtectPolicy(protect),
        bystanders=BystanderPolicy(bystanders),
        names=NamePolicy(names),
        no_face=NoFacePolicy(no_face),
        container=None if format == "keep" else Container(format),
        **others,
    )
