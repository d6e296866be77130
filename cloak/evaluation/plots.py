"""Results as plots; everything is drawn from `Results`, so old results can be drawn anew."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from cloak.errors import MissingExtraError
from cloak.evaluation.conditions import NONE
from cloak.evaluation.results import Cost, Curve, Results, Row, select

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Draw: TypeAlias = "Callable[[Axes], None]"

PSR, HIT = "PSR at FAR 0.001", "rank-1 hit, protected probe"


def plot(results: Results, folder: Path) -> list[Path]:
    """Draw what there is to draw, one PNG a plot.

    Returns:
        similarity-<victim>, roc-<victim>, cmc-<victim>, budget, tint, seconds, conditions-<method>: those there are.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plots: list[tuple[str, _Draw]] = []
    for kind, draw in _CURVES.items():
        for victim in dict.fromkeys(curve.victim for curve in results.curves if curve.kind == kind):
            curves = [curve for curve in results.curves if curve.kind == kind and curve.victim == victim]
            plots.append((f"{kind}-{victim}", partial(_lines, draw, curves)))
    judged = [row for row in results.rows if row.protocol != "F"]
    if results.costs and select(judged, measure=PSR, condition=NONE, surrogate=False, left_out=False):
        for name, label, value in (
            ("budget", "DSSIM in the face box", partial(_look, "dssim")),
            ("tint", "tint in the face box, grey levels", partial(_look, "colour")),  # where all have one DSSIM
            ("seconds", "seconds a face", _seconds),
        ):
            plots.append((name, partial(_against, judged, results.costs, label, value)))
    for method in dict.fromkeys(row.method for row in judged if row.condition != NONE):
        rows = select(judged, method=method, measure=PSR) or select(judged, method=method, measure=HIT)
        if rows:
            plots.append((f"conditions-{method}", partial(_heat, rows)))
    return [_save(folder, name, draw) for name, draw in plots]


def _lines(draw: "Callable[[Axes, list[Curve]], None]", curves: list[Curve], axes: "Axes") -> None:
    draw(axes, curves)


def _look(name: str, cost: Cost) -> float:
    return cost.looks[name][0]


def _seconds(cost: Cost) -> float:
    return cost.seconds


def _save(folder: Path, name: str, draw: "Callable[[Axes], None]") -> Path:
    path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}.png"
    with _figure() as figure:
        axes = figure.add_subplot()
        draw(axes)
        figure.savefig(path, dpi=130, metadata={"Software": None})
    return path


@contextmanager
def _figure() -> "Iterator[Figure]":
    """Make a figure without a display and without global state."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise MissingExtraError("plots", "eval") from error
    yield Figure(figsize=(7.2, 4.4), layout="constrained")


def _similarities(axes: "Axes", curves: list[Curve]) -> None:
    named = {curve.method: curve for curve in curves}
    for name, colour in (("strangers", "grey"), ("clean", "green")):
        if name in named:
            axes.stairs(named[name].y, named[name].x, fill=True, alpha=0.3, color=colour, label=name)
    for curve in curves:
        if curve.method not in ("clean", "strangers"):
            axes.stairs(curve.y, curve.x, linewidth=1.8, label=curve.method)
    axes.axvline(curves[0].threshold, color="black", linestyle="--", linewidth=1, label="threshold at FAR 0.001")
    axes.set(
        title=f"How similar {curves[0].victim} finds two photos of one person",
        xlabel="cosine similarity: to the right of the line, taken for one person",
        ylabel="share of pairs",
    )
    axes.legend(fontsize=8)


def _roc(axes: "Axes", curves: list[Curve]) -> None:
    for curve in curves:
        axes.plot(curve.x, curve.y, label=curve.method)
    axes.set(
        title=f"Verification by {curves[0].victim}",
        xlabel="false accept rate",
        ylabel="share of the person's pairs accepted",
        xscale="log",
        ylim=(0, 1.02),
    )
    axes.legend(fontsize=8)


def _cmc(axes: "Axes", curves: list[Curve]) -> None:
    for curve in curves:
        clean = curve.method.startswith("clean")
        axes.plot(
            curve.x,
            curve.y,
            label=curve.method,
            linestyle="--" if "gallery" in curve.method else "-",
            alpha=0.5 if clean else 1,
        )
    axes.set(
        title=f"Search with {curves[0].victim}",
        xlabel="among the first ... hits",
        ylabel="share of searches",
        ylim=(0, 1.02),
    )
    axes.legend(fontsize=7)


def _against(judged: list[Row], spent: list[Cost], label: str, value: Callable[[Cost], float], axes: "Axes") -> None:
    """Draw protection, of each victim that is no surrogate, against a cost."""
    costs = {cost.method: value(cost) for cost in spent}
    found = select(judged, measure=PSR, condition=NONE, surrogate=False, left_out=False)
    rows = [row for row in found if row.method in costs]
    for victim in dict.fromkeys(row.victim for row in rows):
        part = sorted((row for row in rows if row.victim == victim), key=lambda row: costs[row.method])
        errors = np.array([[r.protected.mean - r.protected.low, r.protected.high - r.protected.mean] for r in part]).T
        x, y = [costs[row.method] for row in part], [row.protected.mean for row in part]
        axes.errorbar(x, y, yerr=np.clip(errors, 0, None), fmt="o", capsize=3, label=victim, alpha=0.8)
    for method, x_ in costs.items():
        axes.annotate(method, (x_, 0.01), rotation=90, fontsize=7, alpha=0.7, xycoords=("data", "axes fraction"))
    axes.set(title="Protection against " + label, xlabel=label, ylabel=PSR, ylim=(0, 1.02))
    axes.legend(fontsize=8)


def _heat(rows: list[Row], axes: "Axes") -> None:
    """Draw one measure of one method, victims by conditions."""
    victims = list(dict.fromkeys(map(_marked, rows)))
    conditions = list(dict.fromkeys(row.condition for row in rows))
    found = {(_marked(row), row.condition): row.protected.mean for row in rows}
    grid = np.array([[found.get((victim, condition), np.nan) for condition in conditions] for victim in victims])
    axes.imshow(grid, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axes.set_xticks(range(len(conditions)), conditions, rotation=90, fontsize=7)
    axes.set_yticks(range(len(victims)), victims, fontsize=8)
    for (y, x), number in np.ndenumerate(grid):
        if not np.isnan(number):
            axes.text(
                x, y, f"{number:.2f}", ha="center", va="center", fontsize=6, color="white" if number < 0.6 else "black"
            )
    axes.set_title(f"{rows[0].method}: {rows[0].measure}")


def _marked(row: Row) -> str:
    return row.victim + "*" * row.surrogate + "†" * row.left_out


_CURVES: "Mapping[str, Callable[[Axes, list[Curve]], None]]" = {
    "similarity": _similarities,
    "roc": _roc,
    "cmc": _cmc,
}
