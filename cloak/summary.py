"""What a run came to: in words for people, and as a document for machines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from cloak.config import ProtectConfig
from cloak.names import shown
from cloak.outcome import Outcome, Status
from cloak.sources import Ignored, passed_over
from cloak.verify import FAR, BlurVerdict, FaceVerdict, Score

LIMIT = (
    "This says nothing certain about other engines or future ones, nor about photos of you that others post: "
    "see THREAT_MODEL.md."
)
"""What goes wherever a verdict goes."""

GO_ON = "The same command goes on from there: what is done is not done again."


@dataclass(slots=True)
class Summary:
    """Gathers outcomes, without their pixels.

    Attributes:
        config: of the run.
        ignored: paths that were not processed.
        total: how many photos there were to do.
        outcomes: in order.
        stopped: whether the user interrupted the run.
        resumable: whether the same command goes on where this one stopped.
    """

    config: ProtectConfig
    ignored: Sequence[Ignored] = ()
    total: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    stopped: bool = False
    resumable: bool = False

    def add(self, outcome: Outcome) -> None:
        """Take note of an outcome."""
        self.outcomes.append(replace(outcome, pictures=None))

    def count(self, status: Status) -> int:
        """Return how many photos came to this."""
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Printable path and reason of everything that failed."""
        photos = [(shown(one.source), one.reason) for one in self.outcomes if one.status is Status.FAILED]
        return photos + [(shown(one.path), one.reason) for one in self.ignored if one.failed]

    @property
    def faces(self) -> list[FaceVerdict]:
        """The verdicts on all faces."""
        return [face for outcome in self.outcomes for face in outcome.faces]

    def sentences(self) -> list[str]:
        """Say what was done and what it is worth, in words that need no background."""
        treated = self._treated() if self.config.selective else self._left()
        return [*self._stop(), self._counts(), *passed_over(self.ignored), *treated, *self._blurs(), *self._verdict()]

    def document(self) -> dict[str, Any]:
        """Return everything as JSON can hold it; paths may hold lone surrogates, which ASCII JSON escapes."""
        return {
            "version": version("photo-cloak"),
            "strength_budget": _fields(self.config.attack.budget, "eps", "dssim", "colour", "luma"),
            "weights": str(self.config.weights),
            "protect": str(self.config.protect),
            "bystanders": str(self.config.bystanders),
            "seed": self.config.attack.seed,
            "false_accept_rate": FAR,
            "dry_run": self.config.dry_run,
            "stopped": self.stopped,
            "summary": {
                **{str(status).replace(" ", "_"): self.count(status) for status in Status},
                "faces": len(self.faces),
                "faces_not_matched": sum(not face.witness.matched for face in self.faces),
                "faces_blurred": sum(outcome.blurred for outcome in self.outcomes),
                "other_photos_not_matched": self._elsewhere(),
            },
            "photos": [_photo(outcome) for outcome in self.outcomes],
            "ignored": [{"path": str(one.path), "reason": one.reason, "failed": one.failed} for one in self.ignored],
            "limits": LIMIT,
        }

    def _elsewhere(self) -> float | None:
        """The share of other photos of these people that the witness probably does not match, None without faces."""
        shares = [face.unmatched_elsewhere for face in self.faces]
        return round(sum(shares) / len(shares), 2) if shares else None

    def _stop(self) -> list[str]:
        if not self.stopped:
            return []
        last = f", the last one {shown(self.outcomes[-1].source)}" if self.outcomes else ""
        stopped = f"Stopped after {len(self.outcomes)} of {_photos(self.total)}{last}. No file is half written."
        return [stopped, *([GO_ON] if self.resumable else [])]

    def _counts(self) -> str:
        failed = f"{len(self.failures)} failed"
        if self.config.dry_run:
            faces = sum(outcome.found for outcome in self.outcomes)
            return (
                f"Nothing was written. {_photos(self.count(Status.WOULD_PROTECT))} ({_faces(faces)}) would be "
                f"protected, {self.count(Status.WOULD_STRIP)} stripped only, {failed}."
            )
        already = self.count(Status.ALREADY_DONE)
        before = f"{already} already done, " if already else ""
        return (
            f"{_photos(self.count(Status.PROTECTED))} protected, {self.count(Status.STRIPPED)} stripped only "
            f"(no face cloaked), {before}{failed}."
        )

    def _left(self) -> list[str]:
        number, listed = self._reasons()
        return [f"{_faces(number)} left uncloaked: {listed}."] if number else []

    def _treated(self) -> list[str]:
        """Say how many faces were cloaked, blurred and left, where that depends on whose they are."""
        cloaked = sum(outcome.found for outcome in self.outcomes)
        blurred = sum(outcome.blurred for outcome in self.outcomes)
        left, listed = self._reasons()
        would = "would be " if self.config.dry_run else ""
        stay = "it is" if left == 1 else "they are"
        line = f"{_faces(cloaked)} {would}cloaked, {blurred} blurred, {left} left as {stay}"
        uncertain = sum(outcome.uncertain for outcome in self.outcomes)
        doubt = f"{uncertain} of the cloaked faces may or may not be the person's: in doubt, a face is cloaked."
        return [f"{line} ({listed})." if left else f"{line}.", *([doubt] if uncertain else [])]

    def _reasons(self) -> tuple[int, str]:
        """Return how many faces were left as they are, and why."""
        reasons = Counter(reason.partition(" (")[0] for outcome in self.outcomes for reason in outcome.left)
        return reasons.total(), ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))

    def _blurs(self) -> list[str]:
        """Warn of blurred faces that a recogniser still knows."""
        known = sum(blur.witness.matched for outcome in self.outcomes for blur in outcome.blurs)
        return [f"The recogniser still matches {known} of the blurred faces: look at the report."] if known else []

    def _verdict(self) -> list[str]:
        if not self.faces:
            return []
        matched = sum(face.witness.matched for face in self.faces)
        lost = sum(not face.detected for face in self.faces)
        lines = [
            "A recogniser that was not used to make the cloaks (set to 1 false match in "
            f"{round(1 / FAR):,}) would probably miss {_percent(self._elsewhere())} of other photos of the same "
            f"{'person' if len(self.faces) == 1 else 'people'}, which is what search engines compare with. In the "
            f"hardest test, against the very photo that was protected, it still matches {matched} of "
            f"{_faces(len(self.faces))}."
        ]
        if lost:
            gone = f"{_faces(lost)} {_was(lost)} not found again"
            lines.append(f"{gone} in the written photo; other detectors may find more.")
        return [*lines, LIMIT]


def _percent(share: float | None) -> str:
    """In steps of five: it is an estimate."""
    return f"{5 * round(20 * (share or 0))}%"


def _photos(number: int) -> str:
    return f"{number} photo{'' if number == 1 else 's'}"


def _faces(number: int) -> str:
    return f"{number} face{'' if number == 1 else 's'}"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _fields(item: object, *names: str) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}


def _photo(outcome: Outcome) -> dict[str, Any]:
    return {
        "source": str(outcome.source),
        "target": None if outcome.target is None else str(outcome.target),
        "status": str(outcome.status),
        "reason": outcome.reason,
        "faces_found": outcome.found,
        "faces_left": list(outcome.left),
        "faces_blurred": outcome.blurred,
        "faces_uncertain": outcome.uncertain,
        "removed": list(outcome.removed),
        "faces": [face_document(face) for face in outcome.faces],
        "blurred": [blur_document(blur) for blur in outcome.blurs],
    }


def face_document(face: FaceVerdict) -> dict[str, Any]:
    """Return the verdict on a face as JSON can hold it."""
    told = _fields(face, "box", "detected", "unmatched_elsewhere", "dssim", "colour", "luma")
    return {**told, "scores": [_score(score) for score in face.scores]}


def blur_document(blur: BlurVerdict) -> dict[str, Any]:
    """Return the verdict on a blurred face as JSON can hold it."""
    return {**_fields(blur, "box", "detected"), "scores": [_score(blur.witness)]}


def _score(score: Score) -> dict[str, Any]:
    return _fields(score, "recogniser", "witness", "similarity", "threshold", "matched")
