"""Results as Markdown: tables that can be read without the code."""

from collections.abc import Iterable, Sequence

from cloak.evaluation.results import Cost, Results, Row, select
from cloak.evaluation.statistics import Estimate

PROTOCOLS = {
    "A": "Verification: is a protected photo taken for the person? (PSR: share of pairs that is not; more is better)",
    "B": "Identification: does a search find the person? (share of searches that do; less is better)",
    "C": "An engine that trains on cloaks: does it name clean photos rightly? (less is better)",
    "D": "Linkage: which share of a person's photos lead to one another? (less is better)",
}
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
        rows = [row for row in select(results.rows, protocol=letter) if row.condition == "none"]
        for measure in dict.fromkeys(row.measure for row in rows):
            table = _by_victim(results, [row for row in rows if row.measure == measure])
            lines += ["", f"## {letter}. {title}", "", *_headed(measure, rows), "", *table] if table else []
    lines += _conditions(results)
    if results.costs:
        lines += ["", "## G. Looks and cost", "", *_costs(results.costs)]
    return "\n".join([*_once(lines), ""])


def _headed(measure: str, rows: Sequence[Row]) -> list[str]:
    mark = ": **an extrapolation** by the tail of the strangers' scores" if _any_extrapolated(measure, rows) else ""
    return [f"**{measure}**{mark}"]


def _any_extrapolated(measure: str, rows: Sequence[Row]) -> bool:
    return any(row.extrapolated for row in rows if row.measure == measure)


def _by_victim(results: Results, rows: Sequence[Row]) -> list[str]:
    """One line a method, one column a victim; first the clean photos, then paired differences to the first method."""
    victims = list(dict.fromkeys((row.victim, row.left_out) for row in rows))
    methods = list(dict.fromkeys(row.method for row in rows))
    told = "TAR, clean photos" if rows[0].measure.startswith("PSR") else "clean photos"
    table = [_line(["", *(f"{name}{'†' * left}" for name, left in victims)]), _line(["---"] * (len(victims) + 1))]
    found = {(row.method, row.victim, row.left_out): row for row in rows}
    clean = [next(row.clean for row in rows if (row.victim, row.left_out) == victim) for victim in victims]
    table.append(_line([told, *map(_interval, clean)]))
    for method in methods:
        cells = [found.get((method, *victim)) for victim in victims]
        table.append(_line([method, *(_interval(row.protected) + "*" * row.surrogate if row else "" for row in cells)]))
    ours = methods[0]
    for method in methods[1:]:
        both = [(found.get((ours, *victim)), found.get((method, *victim))) for victim in victims]
        cells_ = [_interval(results.against(one, other), sign=True) if one and other else "" for one, other in both]
        table.append(_line([f"{ours} minus {method}", *cells_]))
    return table


def _conditions(results: Results) -> list[str]:
    """Protocol E: PSR at FAR 1e-3 and rank-1 under each condition, one table a method."""
    lines: list[str] = []
    for measure in ("PSR at FAR 0.001", "rank-1 hit, protected probe", "rank-1 hit, protected gallery"):
        rows = select(results.rows, measure=measure)
        conditions = list(dict.fromkeys(row.condition for row in rows))
        if len(conditions) < 2:
            continue
        lines += [
            "",
            "## E. What happens to an upload",
            "",
            f"**{measure}** (in brackets: clean photos, treated alike)",
        ]
        for method in dict.fromkeys(row.method for row in rows):
            victims = list(dict.fromkeys(row.victim for row in rows if row.method == method and not row.left_out))
            found = {(row.condition, row.victim): row for row in select(rows, method=method, left_out=False)}
            lines += ["", _line([method, *victims]), _line(["---"] * (len(victims) + 1))]
            for condition in conditions:
                cells = [found.get((condition, victim)) for victim in victims]
                lines.append(_line([condition, *(_beside(row) if row else "" for row in cells)]))
    return lines


def _costs(costs: Sequence[Cost]) -> list[str]:
    lines = [_line(["", *(name for _, name, _ in COLUMNS), "s a face"]), _line(["---"] * (len(COLUMNS) + 2))]
    for cost in costs:
        looks = [f"{cost.looks[key][0]:.{digits}f}" for key, _, digits in COLUMNS]
        low, high = cost.spread
        lines.append(_line([cost.method, *looks, f"{cost.seconds:.2f} ({low:.2f}-{high:.2f})"]))
    return lines


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _interval(value: Estimate, *, sign: bool = False) -> str:
    if not value.people:
        return "-"
    plus = "+" if sign else ""
    return f"{value.mean:{plus}.3f} ({value.low:{plus}.2f} to {value.high:{plus}.2f})"


def _beside(row: Row) -> str:
    return f"{row.protected.mean:.3f} ({row.clean.mean:.3f}){'*' * row.surrogate}"


def _once(lines: Sequence[str]) -> list[str]:
    """Drop headings that were there already."""
    seen: set[str] = set()
    kept = []
    for line in lines:
        if line.startswith("## ") and line in seen:
            continue
        seen.add(line)
        if line or not kept or kept[-1]:
            kept.append(line)
    return kept
