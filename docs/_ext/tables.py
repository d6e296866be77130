"""Tables of the committed benchmarks, as Markdown: no figure of theirs is typed by hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cells import figure, interval, load, of, percent, share, table
from running import album_memory, albums, cluster, detectors, isolation, lanes, serve, strip_album

from cloak.config import BUDGETS, Effort, Strength

PICTURED = Path(__file__).parents[1] / "pictures" / "faces.json"
FAR = "0.001"

JUDGES = {
    "mobileface_v2": "MobileFace v2",
    "mobilefacenet_y1": "MobileFaceNet y1",
    "retail0095": "MobileNetV2-SE (retail)",
    "mobilefacenet_fxz": "MobileFaceNet, FaceX-Zoo",
    "facenet_msceleb": "FaceNet, MS-Celeb-1M",
}
PHOTOS = {"lfw": "snapshots of LFW", "portraits": "studio portraits"}


def budgets() -> str:
    """Return what each strength allows, from the presets themselves."""
    rows = [
        (
            f"`{strength}`",
            f"{100 * budget.dssim:.2f}%",
            f"{255 * budget.eps:.0f}",
            f"{budget.colour:g}",
            f"{budget.luma:g}",
        )
        for strength, budget in BUDGETS.items()
    ]
    return table(("strength", "DSSIM at most", "largest change", "tint", "blotches"), rows)


def pictured() -> str:
    """Return what the verdict said of the face in the pictures."""
    verdicts = json.loads(PICTURED.read_text("utf-8"))
    rows = [
        ("DSSIM in the face box", *(f"{100 * one['dssim']:.2f}%" for one in verdicts.values())),
        ("tint", *(f"{one['colour']:.2f}" for one in verdicts.values())),
        ("blotches", *(f"{one['luma']:.2f}" for one in verdicts.values())),
        ("other photos probably missed", *(percent(one["unmatched_elsewhere"]) for one in verdicts.values())),
    ]
    return table(("this face", *(f"`{strength}`" for strength in verdicts)), rows)


def strengths() -> str:
    """Return what `subtle` and `balanced` come to, on the people of the big comparison."""
    results = load("results/lfw-open/results.json")
    columns = {}
    for strength in Strength:
        asked = [_row(results, f"ours:{strength}", victim, f"PSR at FAR {FAR}") for victim in JUDGES]
        looks = next((cost["looks"] for cost in results["costs"] if cost["method"] == f"ours:{strength}"), None)
        seen = f"{100 * looks['dssim'][0]:.2f}%" if looks else "not measured"
        columns[strength] = [seen, *(share(row) if row else "not measured" for row in asked)]
    rows = zip(("DSSIM", *JUDGES.values()), *columns.values(), strict=True)
    return table(("", *(f"`{strength}`" for strength in columns)), rows)


def protect() -> str:
    """Return what judges that took no part make of protected photos."""
    measured = load("protect.json")
    parts = []
    for photos, words in PHOTOS.items():
        one = measured[photos]
        rows = []
        for label, way in _ways(one).items():
            judges = way["judges"]
            rows.append((label, *(interval(judges[name]["psr"][FAR]) for name in judges)))
        for label, way in _ways(one).items():
            judges = way["judges"]
            rows.append((f"rank-1, {label}", *(interval(judges[name]["rank1"]) for name in judges)))
        head = ("PSR", *(JUDGES[name] for name in one["clean"]["judges"]))
        parts.append(f"**{one['protected']} people, {words}, `{one['strength']}`**\n\n{table(head, rows)}")
    return "\n".join(parts)


def efforts() -> str:
    """Return what each effort takes and protects."""
    measured = load("protect.json")
    rows = []
    for effort in Effort:
        one = measured["lfw" if effort is Effort.NORMAL else f"lfw-{effort}"]
        for weights in ("open", "research"):
            judges = one[weights]["written"]["judges"]
            shares = (interval(judges[name]["psr"][FAR]) for name in judges)
            rows.append((f"`{effort}`, `{weights}`", f"{one[weights]['seconds_per_face']:.1f}", *shares))
    judges = measured["lfw"]["clean"]["judges"]
    return table(("effort, weights", "seconds a face", *(JUDGES[name] for name in judges)), rows)


def looks() -> str:
    """Return what is seen of a cloak, and what one costs."""
    measured = load("protect.json")
    rows = [
        (
            words,
            f"`{weights}`",
            *(
                f"{look['mean']:.{digits}f} (at most {look['max']:.{digits}f})"
                for look, digits in _looks(measured[photos][weights])
            ),
            f"{measured[photos][weights]['seconds_per_face']:.1f}",
        )
        for photos, words in PHOTOS.items()
        for weights in ("open", "research")
    ]
    return table(("photos", "weights", "DSSIM", "tint", "blotches", "size of the file", "seconds a face"), rows)


def methods() -> str:
    """Return every method of the big comparison against every recogniser that was not used."""
    results = load("results/lfw-open/results.json")
    counts = results["counts"]
    names = list(dict.fromkeys(row["method"] for row in results["rows"]))
    parts = [f"{counts['subjects']} people, {counts['strangers']} strangers.\n"]
    for measure, words in (
        (f"PSR at FAR {FAR}", "Share of pairs that are no longer matched (PSR): more is better"),
        ("rank-1 hit, protected probe", "Share of searches that still find the person first: less is better"),
    ):
        rows = []
        for name in names:
            cells = [_row(results, name, victim, measure) for victim in JUDGES]
            rows.append((f"`{name}`", *(share(cell) if cell else "" for cell in cells)))
        parts.append(f"**{words}**\n\n{table(('method', *JUDGES.values()), rows)}")
    rows = [
        (
            f"`{cost['method']}`",
            *(
                f"{cost['looks'][key][0]:.{digits}f}"
                for key, digits in (("dssim", 4), ("colour", 2), ("luma", 2), ("lpips", 3))
            ),
        )
        for cost in results["costs"]
    ]
    parts.append(f"**What is seen**\n\n{table(('method', 'DSSIM', 'tint', 'blotches', 'LPIPS'), rows)}")
    return "\n".join(parts)


def engine() -> str:
    """Return what a face-search engine finds among strangers."""
    measured = load("engine.json")
    searches = measured["searches"]
    sizes = next(iter(searches.values()))["rank1_synthetic"]
    rows = [
        (search, interval(found["over_threshold"]), *(interval(found["rank1_synthetic"][size]) for size in sizes))
        for search, found in searches.items()
    ]
    head = ("search", "over the threshold", *(f"first among {float(size):,.0f}" for size in sizes))
    people = measured["settings"]["identities"]
    return (
        f"{people} people; the strangers are made up, from {measured['strangers']['modelled_on_people']} real ones.\n\n"
        + table(head, rows)
    )


def strip() -> str:
    """Return `cloak strip` beside other programs."""
    tools = load("strip.json")["tools"]
    speed = load("strip_speed.json")["tools"]
    rows = []
    for name, tool in tools.items():
        real = tool["real"]
        pace = next((at["files_per_s"]["median"] for key, at in speed.items() if key.split()[0] == name.split()[0]), "")
        rows.append(
            (
                name,
                of(real["dirty_written_clean"], real["dirty"]),
                of(real["written_clean"], real["written"]),
                of(real["pixels_identical"], real["compared"]),
                real["shown_wrong"],
                pace,
            )
        )
    return table(
        ("tool", "dirty files written clean", "written files clean", "pixels identical", "shown wrong", "files/s"), rows
    )


def inspection() -> str:
    """Return what `cloak inspect` finds of what exiftool finds."""
    measured = load("inspection.json")
    rows = [
        (what, found["exiftool_finds"], found["of_these_we_find"], found["only_we_find"])
        for what, found in measured["recall"].items()
    ]
    run = measured["run"]
    return f"{run['files']:,} files, {run['files_per_second']:.0f} a second.\n\n" + table(
        ("what", "exiftool finds", "of these we find", "only we find"), rows
    )


def verdict() -> str:
    """Return how right the verdict's estimate is, for people that it was not fitted to."""
    measured = load("elsewhere.json")
    rows = [
        (f"{one['from']:g} to {one['to']:g}", one["faces"], figure(one["measured"]), figure(one["estimated"]))
        for one in measured["N-Z"]["table"]
    ]
    return table(("similarity to the very photo", "faces", "other photos missed, measured", "estimated"), rows)


def detection() -> str:
    """Return which faces are found."""
    measured = load("detection.json")
    names = {
        "lfw": "LFW",
        "lfw_24_px": "24 px wide",
        "lfw_in_24_megapixels": "24 to 40 px wide, in 24 megapixels",
        **{f"lfw_turned_{turn}": f"turned by {turn}°" for turn in (15, 22, 30, 45)},
    }
    rows = [
        (words, f"{measured[key]['faces']:,}", f"{100 * measured[key]['recall']:.2f}%") for key, words in names.items()
    ]
    return table(("faces", "how many", "found"), rows)


def _row(results: Mapping[str, Any], method: str, victim: str, measure: str) -> dict[str, Any] | None:
    wanted = {"method": method, "victim": victim, "measure": measure, "condition": "as written", "left_out": False}
    return next((row for row in results["rows"] if wanted.items() <= row.items()), None)


def _ways(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "clean photos": one["clean"],
        **{f"`{weights}`": one[weights]["written"] for weights in ("open", "research")},
        **{f"`{weights}`, after JPEG 75": one[weights]["jpeg75"] for weights in ("open", "research")},
    }


def _looks(one: Mapping[str, Any]) -> list[tuple[dict[str, float], int]]:
    seen = one["looks"]
    return [(seen["dssim"], 4), (seen["colour"], 2), (seen["luma"], 2), (seen["size_ratio"], 2)]


TABLES = {
    make.__name__: make
    for make in (
        budgets,
        pictured,
        strengths,
        protect,
        efforts,
        looks,
        methods,
        engine,
        strip,
        inspection,
        albums,
        isolation,
        lanes,
        album_memory,
        strip_album,
        serve,
        cluster,
        verdict,
        detection,
        detectors,
    )
}
"""By name of the directive's argument."""
