"""An inspection for machines and in sentences."""

from collections.abc import Sequence
from typing import Any

from cloak.inspect.finding import Harm, Inspection
from cloak.names import shown

SCHEMA = "cloak.inspect"
VERSION = 1
"""Grows when a field changes its meaning or goes; new fields do not change it."""

FOUND, NOTHING, UNREAD = "found", "nothing found by this scan", "could not be read"

SAYS = {
    Harm.WHERE: "where it was taken",
    Harm.WHEN: "when",
    Harm.DEVICE: "with which device",
    Harm.WHO: "who made it or is in it",
    Harm.CROPPED: "other pictures inside it",
    Harm.TRAVELS: "more that travels with it",
    Harm.NAME: "its name or folder",
    Harm.FACES: "faces",
}
"""Harms in a few words, for one line about a photo."""


def status(inspection: Inspection) -> str:
    """One of `FOUND`, `NOTHING`, `UNREAD`; never "safe"."""
    if inspection.container is None:
        return UNREAD
    return FOUND if inspection.found else NOTHING


def harms(inspection: Inspection) -> tuple[Harm, ...]:
    """The kinds of harm that were found, the worst first."""
    return tuple(harm for harm in Harm if any(finding.counts for finding in inspection.of(harm)))


def photo(inspection: Inspection) -> dict[str, Any]:
    """One photo as JSON can hold it.

    `complete` is false where something in the file could not be followed: what lies there was not looked at.
    """
    return {
        "path": shown(inspection.path),
        "container": inspection.container,
        "status": status(inspection),
        "complete": not inspection.problem,
        "problem": inspection.problem or None,
        "harms": list(harms(inspection)),
        "findings": [
            {
                "harm": finding.harm,
                "what": finding.what,
                "value": finding.value or None,
                "source": finding.source,
                "counts": finding.counts,
            }
            for finding in inspection.findings
        ],
        "embedded_pictures": [
            {
                "what": picture.what,
                "source": picture.source,
                "bytes": picture.length or len(picture.data),
                "width": picture.size[0] or None,
                "height": picture.size[1] or None,
                "difference": None if picture.difference is None else round(picture.difference, 4),
                "differs": picture.differs,
            }
            for picture in inspection.pictures
        ],
        "not_looked_for": list(inspection.unchecked),
    }


def summary(inspections: Sequence[Inspection]) -> dict[str, Any]:
    """Counts over all photos."""
    states = [status(inspection) for inspection in inspections]
    return {
        "photos": len(states),
        "found": states.count(FOUND),
        "nothing_found": states.count(NOTHING),
        "could_not_be_read": states.count(UNREAD),
        "incomplete": sum(bool(one.problem) and one.container is not None for one in inspections),
        "harms": {harm: sum(harm in harms(one) for one in inspections) for harm in Harm},
    }


def code(inspections: Sequence[Inspection]) -> int:
    """The exit code: 3 where a photo could not be read to its end, else 4 where something was found, else 0.

    3 wins: what was not read may hold anything, and a script that asks "is there something?" must not take the answer
    about the other photos for an answer about all.
    """
    if any(inspection.problem for inspection in inspections):
        return 3
    return 4 if any(inspection.found for inspection in inspections) else 0


def sentence(inspection: Inspection) -> str:
    """One line about a photo."""
    if inspection.container is None:
        return f"{UNREAD}: {inspection.problem}"
    kinds = [SAYS[harm] for harm in harms(inspection)]
    return f"{FOUND}: {', '.join(kinds)}" if kinds else NOTHING


def sentences(inspections: Sequence[Inspection]) -> list[str]:
    """What came of all photos."""
    counts = summary(inspections)
    number = counts["photos"]
    lines = [
        f"{number} photo{'' if number == 1 else 's'}: something found in {counts['found']}, "
        f"nothing found by this scan in {counts['nothing_found']}, {counts['could_not_be_read']} could not be read."
    ]
    if counts["incomplete"]:
        lines.append(f"{counts['incomplete']} damaged: what lies behind the damage was not looked at.")
    if counts["found"] and number > 1:
        told = [f"{SAYS[harm]} ({count})" for harm, count in counts["harms"].items() if count]
        lines.append(f"They give away: {', '.join(told)}.")
    return lines


REMEDY = "`cloak strip PHOTOS -o FOLDER` writes copies without it."
LIMIT = "What is drawn in the pictures themselves, and the noise of the sensor, is not looked at: see THREAT_MODEL.md."
"""What goes wherever an answer is given."""
