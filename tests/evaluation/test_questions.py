"""The questions, with an engine whose answers are known: directions in space for people."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cloak.errors import DatasetError
from cloak.evaluation.conditions import NONE
from cloak.evaluation.dataset import Cohort, PhotoFile, Subject
from cloak.evaluation.observer import Seen
from cloak.evaluation.questions import Bench
from cloak.evaluation.report import markdown
from cloak.evaluation.results import Results, select
from cloak.evaluation.statistics import Impostors

PEOPLE, STRANGERS, DIM = 12, 460, 64
HIDDEN = 0.9
"""What share of a protected face is noise."""


class Engine:
    """Sees a person's direction in each photo, a protected photo's mostly as noise; finds no face in some."""

    def __init__(self, blind: Sequence[str] = ()) -> None:
        generator = torch.Generator().manual_seed(0)
        self.people = torch.nn.functional.normalize(torch.randn(PEOPLE, DIM, generator=generator))
        self.blind = blind

    def recall(self, files: Sequence[PhotoFile], victim: object, condition: str) -> Seen:  # noqa: ARG002
        vectors = torch.stack([self.look(file) for file in files])
        return Seen(vectors, torch.tensor([file.digest not in self.blind for file in files]))

    def look(self, file: PhotoFile) -> torch.Tensor:
        person, kind, number = file.digest.split("/")
        generator = torch.Generator().manual_seed(hash((int(person), len(kind), int(number))) % 2**31)
        noise = torch.nn.functional.normalize(torch.randn(DIM, generator=generator), dim=0)
        share = HIDDEN if kind == "hidden" else 0.3
        return torch.nn.functional.normalize((1 - share) * self.people[int(person)] + share * noise, dim=0)


class Judge:
    name, key, weights, dim = "judge", "key", "weights", DIM

    def embed(self, faces: object) -> torch.Tensor:
        raise NotImplementedError


def photo(person: int, kind: str, number: int) -> PhotoFile:
    return PhotoFile(Path(), f"{person}/{kind}/{number}")


def results() -> Results:
    return Results(
        settings={},
        environment={"detector": {"name": "scrfd"}},
        people=[f"person {number}" for number in range(PEOPLE)],
        counts={"protected_photos": 24, "clean_photos": 36, "subjects": PEOPLE, "strangers": STRANGERS},
    )


def bench(found: Results, engine: Engine, protocol: str = "", strangers: int = STRANGERS) -> Bench:
    subjects = tuple(
        Subject(str(p), tuple(photo(p, "plain", n) for n in (0, 1)), tuple(photo(p, "plain", n) for n in (2, 3, 4)))
        for p in range(PEOPLE)
    )
    trainees = tuple(
        Subject(
            str(p), tuple(photo(p, "plain", n) for n in range(10)), tuple(photo(p, "plain", n) for n in range(10, 15))
        )
        for p in range(4)
    )
    generator = torch.Generator().manual_seed(1)
    others = torch.nn.functional.normalize(torch.randn(strangers, DIM, generator=generator))
    return Bench(
        results=found,
        observer=engine,  # type: ignore[arg-type]  # recalls, which is all that is asked of it
        cohort=Cohort(subjects=subjects, trainees=trainees, strangers=(), public=()),
        method="hiding",
        protected=lambda subject: [photo(int(subject.name), "hidden", n) for n in range(len(subject.protected))],
        victim=Judge(),  # type: ignore[arg-type]
        impostors=Impostors(others),
        strangers=others,
        surrogate=False,
        left_out=False,
        protocol=protocol,
    )


def test_hidden_faces_are_protected_and_every_number_has_that_of_clean_photos_beside_it() -> None:
    found = results()
    asked = bench(found, Engine())
    asked.verify(NONE)
    asked.identify(NONE)
    asked.train()
    asked.link()
    (psr,) = select(found.rows, measure="PSR at FAR 0.01")
    assert psr.clean.mean > 0.95
    assert psr.protected.mean > 0.7
    for row in found.rows:
        assert row.clean.people
        if row.protocol in "BD" and not row.extrapolated and "clean to clean" not in row.measure:
            assert row.protected.mean < row.clean.mean, row.measure
    text = markdown(found)
    assert text.index("clean: TAR") < text.index("| hiding |")
    assert "an extrapolation" not in text
    assert "(extrapolated)" in text


def test_more_clean_photos_in_training_protect_less() -> None:
    found = results()
    bench(found, Engine()).train()
    means = [
        row.protected.mean
        for row in found.rows
        if row.measure.startswith("top-1, everybody protects, nearest neighbour")
    ]
    assert means[0] < 1.0
    assert means == sorted(means)
    assert means[-1] == 1.0


def test_photos_without_a_face_are_left_out_and_not_taken_for_protected() -> None:
    found = results()
    blind = [f"0/hidden/{n}" for n in range(2)] + ["1/hidden/0"]
    bench(found, Engine(blind)).verify(NONE)
    (row,) = select(found.rows, measure="PSR at FAR 0.01")
    assert row.protected.people == row.clean.people == PEOPLE - 1
    (found_faces,) = select(found.rows, measure="face found")
    assert found_faces.protected.mean == pytest.approx((PEOPLE - 1.5) / PEOPLE)
    assert found_faces.clean.mean == 1.0


def test_people_whose_photo_is_lost_on_either_side_count_on_neither() -> None:
    found = results()
    asked = bench(found, Engine([f"0/hidden/{n}" for n in range(2)] + [f"1/plain/{n}" for n in range(2)]))
    asked.verify(NONE)
    asked.identify(NONE)
    for row in found.rows:
        if row.measure != "face found":
            assert row.protected.people == row.clean.people == PEOPLE - 2, row.measure


def test_what_an_engine_does_to_all_photos_it_does_to_the_references_too() -> None:
    asked: set[tuple[str, str]] = set()

    class Processing(Engine):
        def recall(self, files: Sequence[PhotoFile], victim: object, condition: str) -> Seen:
            asked.update((file.digest.split("/")[1] + file.digest[-1], condition) for file in files)
            return super().recall(files, victim, condition)

    replace(bench(results(), Processing()), processed="jpeg50").verify("jpeg50")
    assert {condition for _, condition in asked} == {"jpeg50"}


def test_rates_that_the_strangers_cannot_support_are_not_reported() -> None:
    found = results()
    bench(found, Engine(), strangers=160).verify(NONE)
    assert not select(found.rows, measure="PSR at FAR 0.0001")
    assert select(found.rows, measure="PSR at FAR 0.001")


def test_results_come_back_from_json_as_they_were(tmp_path: Path) -> None:
    found = results()
    bench(found, Engine([f"0/hidden/{n}" for n in range(2)])).verify(NONE)
    found.write(tmp_path / "results.json")
    again = Results.read(tmp_path / "results.json")
    assert markdown(again) == markdown(found)
    assert len(again.rows[0].values) == PEOPLE
    assert again.curves[0].x == found.curves[0].x


def test_paired_differences_are_of_the_same_people() -> None:
    found = results()
    bench(found, Engine()).verify(NONE)
    (row,) = select(found.rows, measure="PSR at FAR 0.01")
    assert found.against(row, row).mean == 0.0
    assert found.against(row, row).people == PEOPLE


def test_an_adaptive_engines_answers_are_filed_apart() -> None:
    found = results()
    bench(found, Engine(), protocol="F").verify(NONE)
    assert {row.protocol for row in found.rows} == {"F"}
    assert not found.curves


def test_something_else_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"schema": "other", "version": 1}')
    with pytest.raises(DatasetError):
        Results.read(tmp_path / "results.json")
