"""Results as Markdown: tables that can be read without the code."""

from collections.abc import Iterable, Sequence

from cloak.evaluation.conditions import NONE
from cloak.evaluation.results import Cost, Results, Row, select
from cloak.evaluation.statistics import Estimate

PROTOCOLS = {
    "A": "Verification: is a protected photo taken for the person? (PSR: share of pairs that is not; more is better)",
    "B": "Identification: does a search find the person? (share of searches that do; less is better)",
    "C": "An engine that trains on cloaks: does it name clean photos rightly? (less is better)",
    "F": "Engines that trained on this method's cloaks of other people: what is left of the protection",
    "D": "Linkage: which share of a person's photos lead to one another? (less is better)",
}
COMPARED = ("PSR at FAR 0.001", "rank-1 hit, protected probe", "rank-1 hit, protected gallery")
"""Measures for which methods are compared person by person."""

COLUMNS = (
    ("dssim", "DSSIM", 4),
    ("lpips", "LPIPS", 3),
    ("colour", "tint", 2),
    ("luma", "blotches", 2),
    ("eps", "largest change", 0),
    ("psnr_face", "PSNR face, dB", 1),
    ("size_ratio", "file size", 2),
)


def markdown(results: Results) -> str:
    """Return the whole report."""
    counts, environment = results.counts, results.environment
    lines = [
        "# Evaluation",
        "",
        f"{counts['protected_photos']} protected and {counts['clean_photos']} clean photos of {counts['subjects']} "
        f"people; thresholds from {counts['strangers']} other people; found by {environment['detector']['name']}. "
        "In brackets: 95% interval over people. `*`: the victim is a surrogate of that method, a sanity check and "
        "no measure of protection. `†`: the surrogate was left out of the method for this row.",
        "",
        *(f"- {warning}" for warning in results.warnings),
    ]
    for letter, title in PROTOCOLS.items():
        rows = [row for row in select(results.rows, protocol=letter) if letter == "F" or row.condition == NONE]
        if rows:
            lines += ["", f"## {letter}. {title}", "", *_measured(results, rows)]
    lines += _conditions(results)
    if results.costs:
        lines += ["", "## G. Looks and cost", "", *_costs(results.costs)]
    return "\n".join([*lines, ""])


def _measured(results: Results, rows: Sequence[Row]) -> list[str]:
    """One line a measure and method, one column a victim; clean photos first, then each method, then differences."""
    victims = list(dict.fromkeys((_judge(row), row.left_out) for row in rows))
    found = {(row.measure, row.method, _judge(row), row.left_out): row for row in rows}
    methods = list(dict.fromkeys(row.method for row in rows))
    table = [_line(["", "", *(f"{name}{'†' * left}" for name, left in victims)]), _line(["---"] * (len(victims) + 2))]
    for measure in dict.fromkeys(row.measure for row in rows):
        grid = {method: [found.get((measure, method, *victim)) for victim in victims] for method in methods}
        told = "clean: TAR" if measure.startswith("PSR") else "clean"
        clean = [next((row.clean for row in column if row), None) for column in zip(*grid.values(), strict=True)]
        mark = " (extrapolated)" * any(row.extrapolated for row in rows if row.measure == measure)
        shown = (_interval(value) if value else "" for value in clean)
        # Each method's adaptive engine is another one, with clean numbers of its own.
        first = [f"**{measure}**{mark}", told, *shown] if rows[0].protocol != "F" else [f"**{measure}**"]
        table.append(_line([*first, *[""] * (len(victims) + 2 - len(first))]))
        for method, cells in grid.items():
            table.append(_line(["", method, *(_starred(row) if row else "" for row in cells)]))
        if measure in COMPARED and rows[0].protocol != "F":
            table += _differences(results, grid)
    return table


def _differences(results: Results, grid: dict[str, list[Row | None]]) -> list[str]:
    """Compare the first method with each other one, person by person."""
    first, *others = grid
    lines = []
    for method in others:
        pairs = zip(grid[first], grid[method], strict=True)
        cells = [_interval(results.against(one, other), sign=True) if one and other else "" for one, other in pairs]
        lines.append(_line(["", f"{first} minus {method}", *cells]))
    return lines


def _starred(row: Row) -> str:
    beside = f"; clean {row.clean.mean:.3f}" if row.protocol == "F" else ""
    return _interval(row.protected) + beside + "\\*" * row.surrogate


def _judge(row: Row) -> str:
    return row.victim if row.condition == NONE else f"{row.victim}, {row.condition} first"


def _conditions(results: Results) -> list[str]:
    """Protocol E: PSR at FAR 1e-3 and rank-1 under each condition, one table a method."""
    lines: list[str] = []
    for measure in COMPARED:
        rows = [row for row in select(results.rows, measure=measure) if row.protocol != "F"]
        conditions = list(dict.fromkeys(row.condition for row in rows))
        if len(conditions) < 2:
            continue
        if not lines:
            lines = ["", "## E. What happens to an upload", "", "In brackets: clean photos, treated alike."]
        lines += ["", f"**{measure}**"]
        for method in dict.fromkeys(row.method for row in rows):
            part = select(rows, method=method)
            victims = list(dict.fromkeys(row.victim + "†" * row.left_out for row in part))
            found = {(row.condition, row.victim + "†" * row.left_out): row for row in part}
            lines += ["", _line([method, *victims]), _line(["---"] * (len(victims) + 1))]
            for condition in conditions:
                cells = [found.get((condition, victim)) for victim in victims]
                lines.append(_line([condition, *(_beside(row) if row else "" for row in cells)]))
    return lines


def _costs(costs: Sequence[Cost]) -> list[str]:
    lines = [_line(["", *(name for _, name, _ in COLUMNS), "s a face", "s of processor"])]
    lines.append(_line(["---"] * (len(COLUMNS) + 3)))
    earlier = sum(cost.earlier for cost in costs)
    for cost in costs:
        looks = [f"{cost.looks[key][0]:.{digits}f}" for key, _, digits in COLUMNS]
        low, high = cost.spread
        lines.append(
            _line([cost.method, *looks, f"{cost.seconds:.2f} ({low:.2f}-{high:.2f})", f"{cost.processor:.2f}"])
        )
    if earlier:
        lines += [
            "",
            f"{earlier} of the cloaks were made in earlier runs, whose seconds may be those of a busier machine.",
        ]
    return lines


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _interval(value: Estimate, *, sign: bool = False) -> str:
    if not value.people:
        return "-"
    plus = "+" if sign else ""
    return f"{value.mean:{plus}.3f} ({value.low:{plus}.2f} to {value.high:{plus}.2f})"


def _beside(row: Row) -> str:
    return f"{row.protected.mean:.3f} ({row.clean.mean:.3f})" + "\\*" * row.surrogate
