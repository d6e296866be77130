"""Which faces of a photo are cloaked, which are blurred, and which are left as they are, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloak.config import BystanderPolicy, FacePolicy, ProtectConfig, ProtectPolicy
from cloak.errors import FaceChoiceError
from cloak.faces.people import Likeness
from cloak.photo import Face
from cloak.targets import Treatment

MIN_FACE = 24.0
"""Faces whose longer side is fewer pixels are left as they are: recognisers do not see a person in them either."""


@dataclass(frozen=True, slots=True)
class LeftFace:
    """A face that is neither cloaked nor blurred, and why."""

    face: Face
    reason: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The faces of one photo.

    Attributes:
        faces: those to cloak.
        left: those to leave as they are.
        blurred: those to blur.
        uncertain: those of them that may, or may not, be the person that the references show, in doubt cloaked.
    """

    faces: tuple[Face, ...] = ()
    left: tuple[LeftFace, ...] = ()
    blurred: tuple[Face, ...] = ()
    uncertain: tuple[Face, ...] = ()


def is_large(face: Face) -> bool:
    """Say whether a face is large enough to be cloaked."""
    return face.size >= MIN_FACE


def select(faces: Sequence[Face], config: ProtectConfig, likeness: Sequence[Likeness] = ()) -> Chosen:
    """Sort the faces of a photo.

    Args:
        faces: all that were found.
        config: what the user wants.
        likeness: for each face that is large enough, whether it is the person's; only where the policy asks for it.
    """
    large = [face for face in faces if is_large(face)]
    wanted = _wanted(large, config, likeness)
    others = [face for face in large if not any(face is one for one in wanted)]
    doubtful = [face for face, each in zip(large, likeness, strict=False) if each is Likeness.UNCERTAIN]
    small = [LeftFace(face, f"too small ({face.size:.0f} pixels)") for face in faces if not is_large(face)]
    if config.bystanders is BystanderPolicy.CLOAK:
        return Chosen(tuple(large), tuple(small))
    left = [] if config.bystanders is BystanderPolicy.BLUR else [LeftFace(face, _reason(config)) for face in others]
    order = {id(face): place for place, face in enumerate(faces)}
    return Chosen(
        faces=tuple(wanted),
        left=tuple(sorted(small + left, key=lambda one: order[id(one.face)])),
        blurred=tuple(others) if config.bystanders is BystanderPolicy.BLUR else (),
        uncertain=tuple(doubtful),
    )


def overrule(chosen: Chosen, faces: Sequence[Face], choices: Mapping[int, Treatment]) -> Chosen:
    """Do with single faces what somebody who looked at the photo chose; what is chosen for no face stays.

    Args:
        chosen: what the configuration makes of the faces.
        faces: all that were found, in the order that `choices` counts in.
        choices: what to do with some of them.

    Raises:
        FaceChoiceError: there is no such face, or it is too small for a cloak.
    """
    kept = {id(one.face): one for one in chosen.left}
    groups: dict[Treatment, list[Face]] = {treatment: [] for treatment in Treatment}
    for index, face in enumerate(faces):
        treatment = choices.get(index, _treatment(chosen, face))
        if treatment is Treatment.PROTECT and not is_large(face):
            raise FaceChoiceError(f"face {index} is too small for a cloak ({face.size:.0f} pixels): blur or leave it")
        groups[treatment].append(face)
        if index in choices:
            kept[id(face)] = LeftFace(face, "you chose so")
    decided = {id(face) for index, face in enumerate(faces) if index in choices}
    if missing := sorted(set(choices) - set(range(len(faces)))):
        raise FaceChoiceError(f"there is no face {missing[0]}: the photo has {len(faces)}, counted from 0")
    return Chosen(
        faces=tuple(groups[Treatment.PROTECT]),
        left=tuple(kept[id(face)] for face in groups[Treatment.LEAVE]),
        blurred=tuple(groups[Treatment.BLUR]),
        uncertain=tuple(face for face in chosen.uncertain if id(face) not in decided),
    )


def _treatment(chosen: Chosen, face: Face) -> Treatment:
    if any(face is one for one in chosen.faces):
        return Treatment.PROTECT
    return Treatment.BLUR if any(face is one for one in chosen.blurred) else Treatment.LEAVE


def _wanted(large: Sequence[Face], config: ProtectConfig, likeness: Sequence[Likeness]) -> list[Face]:
    """Return the faces to cloak. In doubt, a face is one of them."""
    if config.faces is FacePolicy.NONE:
        return []
    if config.protect is not ProtectPolicy.ALL:
        spared = Likeness.OTHER if config.protect is ProtectPolicy.ME else Likeness.SAME
        return [face for face, each in zip(large, likeness, strict=True) if each is not spared]
    if config.faces is FacePolicy.LARGEST:
        return sorted(large, key=lambda face: face.size)[-1:]
    return list(large)


def _reason(config: ProtectConfig) -> str:
    """Say why a face that is large enough is not cloaked."""
    return {
        ProtectPolicy.ALL: "not to be cloaked" if config.faces is FacePolicy.NONE else "not the largest",
        ProtectPolicy.ME: "somebody else",
        ProtectPolicy.EXCEPT: "the person to leave out",
    }[config.protect]
