"""What tables are made of: rows, shares, intervals."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[2] / "tests" / "benchmarks"


def load(name: str) -> dict[str, Any]:
    """Return a file of `tests/benchmarks`."""
    read: dict[str, Any] = json.loads((BENCHMARKS / name).read_text("utf-8"))
    return read


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines) + "\n"


def figure(value: float, digits: int = 2) -> str:
    """Return a share as the README writes it: .96, 1.0."""
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return "1.0" if rounded == 1 else str(rounded).removeprefix("0")


def interval(values: Sequence[float]) -> str:
    """Return a mean with its 95% interval."""
    mean, low, high = values
    return f"{figure(mean)} ({figure(low)} to {figure(high)})"


def share(row: Mapping[str, Any]) -> str:
    """Return the share of a row of results, with its interval."""
    return interval([row["protected"][key] for key in ("mean", "low", "high")])


def percent(value: float) -> str:
    """Return a share in whole per cent, and never 100."""
    return "over 99%" if value > 0.99 else f"{100 * value:.0f}%"


def of(part: int, whole: int) -> str:
    """Return a part of a whole, in numbers and per cent."""
    return f"{part:,} of {whole:,} ({100 * part / whole:.1f}%)" if whole else ""
