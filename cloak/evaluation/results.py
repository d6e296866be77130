"""What an evaluation comes to: rows, curves and costs, as JSON by a versioned schema."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cloak.errors import DatasetError
from cloak.evaluation.statistics import Estimate, Floats, difference, estimate
from cloak.files import write
from cloak.names import shown

SCHEMA = "cloak-evaluation"
VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number, and what it is for clean photos: there is no way to say the one without the other.

    Attributes:
        protocol: "A" to "F".
        measure: what is measured, "PSR at FAR 0.001".
        method: what made the cloaks.
        victim: who judged.
        condition: what happened to the upload.
        surrogate: whether the victim's gradients made the cloaks: not a result, a sanity check.
        left_out: whether it is one of the usual surrogates that was left out for this row.
        protected: of protected photos.
        clean: the same of clean ones; for a PSR, the TAR.
        values: of protected photos, one for each person, in the order of the results' people, or trainees (C).
        extrapolated: whether it rests on a fitted tail rather than on counting.
    """

    protocol: str
    measure: str
    method: str
    victim: str
    condition: str
    surrogate: bool
    left_out: bool = False
    protected: Estimate
    clean: Estimate
    values: tuple[float, ...]
    extrapolated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line in a plot.

    Attributes:
        kind: "similarity" (histogram: edges, shares), "roc" (FAR, TAR) or "cmc" (rank, share).
        method: what made the cloaks, or "clean".
        victim: who judged.
        x: see kind.
        y: see kind.
        threshold: the victim's, at FAR 1e-3.
    """

    kind: str
    method: str
    victim: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Protocol G: what a method's cloaks look like and cost, means over photos.

    Attributes:
        method: what made the cloaks.
        looks: name to mean and largest value.
        seconds: median for each face, without detection, reading and writing.
        spread: quartiles of the same.
        photos: how many.
        processor: median of the processor's seconds for each face, all threads together: what else runs matters less.
        machines: what the cloaks were made on.
        earlier: how many of them an earlier run made, beside who knows what.
    """

    method: str
    looks: dict[str, tuple[float, float]]
    seconds: float
    spread: tuple[float, float]
    photos: int
    processor: float = 0.0
    machines: tuple[str, ...] = ()
    earlier: int = 0


@dataclass(slots=True, kw_only=True)
class Results:
    """Everything, and what it was measured with.

    Attributes:
        settings: of the run.
        environment: commit, packages, machine.
        people: names in the order of `Row.values`, numbered if they are not to be published.
        trainees: the same for protocol C.
        counts: how many people, photos and pairs; what was left out, and why.
        warnings: what a reader has to know before the numbers.
        rows: see `Row`.
        curves: see `Curve`.
        costs: see `Cost`.
    """

    settings: dict[str, Any]
    environment: dict[str, Any]
    people: list[str]
    trainees: list[str] = field(default_factory=list)
    counts: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)

    def add(
        self,
        protocol: str,
        measure: str,
        protected: Floats,
        clean: Floats,
        *,
        method: str,
        victim: str,
        condition: str,
        surrogate: bool,
        left_out: bool = False,
        extrapolated: bool = False,
    ) -> None:
        """Add a row from one value a person, of protected and of clean photos."""
        row = Row(
            protocol=protocol,
            measure=measure,
            method=method,
            victim=victim,
            condition=condition,
            surrogate=surrogate,
            left_out=left_out,
            protected=estimate(protected),
            clean=estimate(clean),
            values=tuple(round(float(value), 4) for value in protected),
            extrapolated=extrapolated,
        )
        self.rows.append(row)

    def against(self, ours: Row, theirs: Row) -> Estimate:
        """Return the paired difference of two rows about the same people, with its interval."""
        return difference(ours.values, theirs.values)

    def write(self, path: Path) -> None:
        """Write as JSON; numbers that are not known are null."""
        document = {"schema": SCHEMA, "version": VERSION, **asdict(self)}
        write(path, (json.dumps(_finite(document), indent=1) + "\n").encode(), overwrite=True)

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read what `write` wrote.

        Raises:
            DatasetError: it is something else, or of another version.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if (document.pop("schema"), document.pop("version")) != (SCHEMA, VERSION):
                raise DatasetError(f"{shown(path)} is of another version: run the evaluation again")
            rows = [_row(each) for each in document.pop("rows")]
            curves = [Curve(**_tupled(each)) for each in document.pop("curves")]
            costs = [_cost(each) for each in document.pop("costs")]
            return cls(**document, rows=rows, curves=curves, costs=costs)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{shown(path)} is no result of an evaluation: {error}") from error


def select(rows: Sequence[Row], **wanted: object) -> list[Row]:
    """Return the rows whose attributes are as wanted."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def _finite(value: Any) -> Any:  # noqa: ANN401 -- JSON
    """Replace NaN, which JSON does not know."""
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def _estimate(told: dict[str, Any]) -> Estimate:
    return Estimate(_known(told["mean"]), _known(told["low"]), _known(told["high"]), told["people"])


def _row(told: dict[str, Any]) -> Row:
    values = tuple(_known(value) for value in told.pop("values"))
    return Row(**told | {name: _estimate(told[name]) for name in ("protected", "clean")}, values=values)


def _cost(told: dict[str, Any]) -> Cost:
    looks = {name: (_known(mean), _known(most)) for name, (mean, most) in told.pop("looks").items()}
    return Cost(**_tupled(told), looks=looks)


def _tupled(told: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(map(_known, value)) if isinstance(value, list) else _known(value) if value is None else value
        for name, value in told.items()
    }
