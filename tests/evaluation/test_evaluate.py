"""The command, on people who ship: real detectors, real recognisers, real files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

ALL = ("--victims", "mobilefacenet_fxz,sface", "--methods", "noise,none", "--identities", "3", "--protected", "1")


def test_an_evaluation_writes_results_tables_and_plots_and_goes_on_where_it_was(
    cloak: Callable, people: Path, tmp_path: Path
) -> None:
    output = tmp_path / "results"
    first = cloak("evaluate", people, "-o", output, "--protocol", "ABDEG", *ALL)
    assert first.code == 0, first.err
    document = json.loads((output / "results.json").read_text())
    assert document["schema"] == "cloak-evaluation"
    assert document["people"] == ["person 1", "person 2", "person 3"]
    hits = {row["method"]: row for row in document["rows"] if row["measure"] == "rank-1 hit, protected probe"}
    assert set(hits) == {"noise", "none"}
    assert hits["none"]["protected"]["mean"] == hits["none"]["clean"]["mean"] == 1.0
    assert {row["condition"] for row in document["rows"]} == {"as written", "jpeg75"}
    costs = {cost["method"]: cost["looks"] for cost in document["costs"]}
    assert costs["none"]["dssim"][0] < costs["noise"]["dssim"][0]
    assert "people are few" in first.out
    assert (output / "results.md").read_text() in first.out
    assert (output / "plots" / "cmc-mobilefacenet_fxz.png").exists()
    assert not any(str(people.parent) in path.read_text() for path in output.glob("results.*"))

    made = {path: path.stat().st_mtime_ns for path in (output / "cloaks").rglob("*.jpg")}
    assert made
    again = cloak("evaluate", people, "-o", output, "--protocol", "AB", *ALL)
    assert again.code == 0
    assert {path: path.stat().st_mtime_ns for path in (output / "cloaks").rglob("*.jpg")} == made


def test_a_surrogate_among_the_victims_is_marked(cloak: Callable, people: Path, tmp_path: Path) -> None:
    told = cloak(
        *("evaluate", people, "-o", tmp_path / "r", "--protocol", "B", "--methods", "fawkes1"),
        *("--victims", "facenet,mobilefacenet_fxz", "--identities", "1", "--protected", "1"),
    )
    assert told.code == 0, told.err
    assert "facenet is a surrogate of fawkes1: no measure of protection" in told.out
    rows = json.loads((tmp_path / "r" / "results.json").read_text())["rows"]
    assert {(row["victim"], row["surrogate"]) for row in rows} == {("facenet", True), ("mobilefacenet_fxz", False)}


def test_a_surrogate_that_was_left_out_judges(cloak: Callable, people: Path, tmp_path: Path) -> None:
    told = cloak(
        *("evaluate", people, "-o", tmp_path / "r", "--protocol", "B", "--methods", "none"),
        *("--victims", "leave-one-out", "--identities", "2", "--protected", "1"),
    )
    assert told.code == 0, told.err
    rows = json.loads((tmp_path / "r" / "results.json").read_text())["rows"]
    assert {row["victim"] for row in rows} == {"dlib", "sface", "facenet"}
    assert all(row["left_out"] and not row["surrogate"] for row in rows)
    assert "dlib†" in told.out


def test_photos_without_faces_and_copies_are_counted(cloak: Callable, people: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(people, photos)
    for number in range(3):
        Image.radial_gradient("L").rotate(40 * number).convert("RGB").resize((200 + number, 200)).save(
            photos / "collins" / f"0{number}-landscape.jpg"
        )
    shutil.copy(photos / "hopper" / "00.jpg", photos / "worker-a" / "stolen.jpg")
    told = cloak(
        "evaluate", photos, "-o", tmp_path / "r", "--protocol", "B", *ALL[:4], "--identities", "5", "--protected", "3"
    )
    assert told.code == 0, told.err
    assert "2 photos left out: copy under another name" in told.out
    assert "stolen.jpg" in (tmp_path / "r" / "copies.txt").read_text()
    assert "photos left out: no face found" in told.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--protocol", "Z"), (2, "unknown protocol 'Z'")),
        (("--methods", "magic"), (2, "unknown method 'magic'")),
        (("--victims", "nobody"), (2, "nobody")),
        (("--victims", "missing.onnx"), (1, "not a file")),
        (("--conditions", "rain", "--protocol", "E"), (2, "unknown condition 'rain'")),
        (("--conditions", "half"), (2, "protocol E")),
        (("--names", "Na-Nz"), (2, "such as N-Z")),
        (("--names", "A-B"), (1, "nobody from A to B")),
        (("--protected", "9"), (1, "nobody has 10 photos")),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_work(
    cloak: Callable, people: Path, tmp_path: Path, arguments: tuple[str, ...], expected: tuple[int, str]
) -> None:
    told = cloak("evaluate", people, "-o", tmp_path / "r", *arguments)
    assert told.code == expected[0]
    assert expected[1] in told.err
    assert "Traceback" not in told.err


def test_an_empty_folder_is_refused(cloak: Callable, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    told = cloak("evaluate", tmp_path / "none", "-o", tmp_path / "r", "--methods", "none")
    assert told.code == 1
    assert "one folder of photos for each person" in told.err
