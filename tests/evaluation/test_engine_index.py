"""The engine's index and its searches, on people who ship: real detector, real recogniser, real files."""

import io
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cloak.cli.engine import engine
from cloak.errors import DatasetError, MissingExtraError, NoFaceError, UsageError
from cloak.evaluation.engine import Index, Taken, published
from cloak.evaluation.engine.answer import ask

from .tiny_onnx import write_onnx

EXAMPLES = Path(__file__).parents[2] / "examples"
Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run the command; errors of ours come out as they are."""

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(engine, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="module")
def db(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the first two photos of everybody."""
    folder = tmp_path_factory.mktemp("index")
    for photo in people.glob("*/0[01].jpg"):
        target = folder / "profiles" / photo.parent.name / photo.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, target)
    path = folder / "engine.faces"
    with Index.open(path, create=True) as index:
        taken = [one.taken for one in index.add(published([folder / "profiles"])[0])]
    assert taken == [Taken.NEW] * 10
    return path


def test_a_photo_of_a_person_finds_the_persons_page_first_and_over_the_threshold(db: Path, people: Path) -> None:
    with Index.open(db) as index:
        for name in ("collins", "hopper", "worker-a"):
            answer = ask(index, people / name / "02.jpg", top=4)
            assert [hit.page for hit in answer.hits[:2]] == [name, name]
            assert [answer.over(hit) for hit in answer.hits[:2]] == [True, True]
            assert not any(answer.over(hit) for hit in answer.hits[2:])
            scores = [hit.score for hit in answer.hits]
            assert scores == sorted(scores, reverse=True)


def test_a_hit_tells_what_the_file_and_the_page_say(db: Path, people: Path) -> None:
    with Index.open(db) as index:
        (source,) = ask(index, people / "hopper" / "02.jpg", top=1).hits[0].sources
    assert source.page == Path(source.link).parent.name == "hopper"
    assert source.told.date.startswith("2024-07-14 18:32:07")
    assert source.told.place.startswith("38.889")
    assert source.told.people == "Grace's phone"
    assert Path(source.link).exists()


def test_indexing_again_adds_only_what_is_new(db: Path, people: Path, tmp_path: Path, run: Run) -> None:
    copied = shutil.copy(db, tmp_path / "copy.faces")
    profiles = db.parent / "profiles"
    again = run("index", profiles, "--db", copied)
    assert again.exit_code == 0
    assert "0 new photos" in again.stdout
    assert "10 known already" in again.stdout
    grown = shutil.copytree(profiles, tmp_path / "grown")
    shutil.copy(people / "collins" / "02.jpg", grown / "collins")
    told = json.loads(run("index", grown / "collins" / "02.jpg", "--db", copied, "--json").stdout)
    assert (told["new"], told["known"], told["faces"]) == (1, 0, 11)


def test_a_copy_elsewhere_is_another_source_of_one_face_and_is_told(db: Path, tmp_path: Path, run: Run) -> None:
    copied = shutil.copy(db, tmp_path / "copy.faces")
    elsewhere = tmp_path / "somebody_else"
    elsewhere.mkdir()
    photo = shutil.copy(db.parent / "profiles" / "hopper" / "00.jpg", elsewhere / "other name.jpg")
    told = run("index", elsewhere, "--db", copied)
    assert "1 copy of a photo from elsewhere" in told.stdout
    assert f"copy: {photo}" in told.stdout
    found = json.loads(run("search", photo, "--db", copied, "--top", 3, "--json").stdout)
    first, second, _ = found["hits"]
    assert [source["page"] for source in first["sources"]] == ["hopper", "somebody_else"]
    assert len(second["sources"]) == 1


def test_what_cannot_be_read_is_counted_and_the_rest_indexed(people: Path, tmp_path: Path, run: Run) -> None:
    shutil.copytree(people / "collins", tmp_path / "in" / "collins")
    (tmp_path / "in" / "broken.jpg").write_bytes(b"")
    (tmp_path / "in" / "plain.png").write_bytes(_plain())
    told = run("index", tmp_path / "in", "--db", tmp_path / "e.faces")
    assert told.exit_code == 3
    assert f"failed: {tmp_path}/in/broken.jpg: " in told.stderr
    assert "4 new photos (1 without a face)" in told.stdout
    assert "1 failed" in told.stdout


def test_a_foreign_file_is_refused_and_left_as_it_is(people: Path, tmp_path: Path, run: Run) -> None:
    text, other = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("my notes, much longer than the header of a database " * 4)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE faces (id INTEGER)")
    database.close()
    for path in (text, other):
        content = path.read_bytes()
        for command in (("index", people), ("search", people / "collins" / "00.jpg")):
            with pytest.raises(UsageError, match="is no index of faces"):
                run(*command, "--db", path)
        assert path.read_bytes() == content
    with pytest.raises(UsageError, match="is not a file"):
        run("index", people, "--db", tmp_path)
    with pytest.raises(UsageError, match="make it with"):
        run("search", people / "collins" / "00.jpg", "--db", tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


def test_another_version_is_refused(db: Path, tmp_path: Path) -> None:
    path = shutil.copy(db, tmp_path / "newer.faces")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(UsageError, match="version 99"):
        Index.open(path)


def test_a_damaged_index_is_an_error_that_says_so(db: Path, people: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.faces"
    data = db.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with pytest.raises(UsageError, match=r"is damaged: .*index the profiles anew"), Index.open(path) as index:
        ask(index, people / "collins" / "00.jpg")


def test_another_recogniser_or_detector_than_the_files_is_refused(db: Path, people: Path, run: Run) -> None:
    for options in (("--recogniser", "sface"), ("--finder", "yunet")):
        with pytest.raises(UsageError, match="use that one, or another --db"):
            run("index", people, "--db", db, *options)


def test_what_was_indexed_when_the_run_stopped_is_kept(people: Path, tmp_path: Path) -> None:
    photos, _ = published([people])
    with Index.open(tmp_path / "e.faces", create=True) as index:
        adding = index.add(photos)
        first = [next(adding).photo for _ in range(2)]
        adding.close()
    with Index.open(tmp_path / "e.faces", create=True) as index:
        taken = {one.photo: one.taken for one in index.add(photos[:3])}
    assert first == photos[:2]
    assert list(taken.values()) == [Taken.KNOWN, Taken.KNOWN, Taken.NEW]


def test_which_face_of_several_is_searched_for_can_be_said(db: Path, run: Run) -> None:
    photo = EXAMPLES / "workers.jpg"
    pages = [
        json.loads(run("search", photo, "--db", db, "--face", number, "--top", 1, "--json").stdout)["hits"][0]["title"]
        for number in (1, 2)
    ]
    assert pages == ["worker-a", "worker-b"]
    assert "face 2 of 3" in run("search", photo, "--db", db, "--face", 2).stdout
    with pytest.raises(NoFaceError, match="there is no face 9: 3 found"):
        run("search", photo, "--db", db, "--face", 9)


def test_a_photo_without_a_face_cannot_be_searched_for(db: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "plain.png").write_bytes(_plain())
    with pytest.raises(NoFaceError, match="no face was found"):
        run("search", tmp_path / "plain.png", "--db", db)


def test_the_page_of_a_search_is_self_contained_and_escapes_values(people: Path, tmp_path: Path, run: Run) -> None:
    profiles = tmp_path / "<script>alert(1)<"
    shutil.copytree(people / "hopper", profiles / "Grace_H & co")
    run("index", profiles, "--db", tmp_path / "e.faces")
    report = tmp_path / "found.html"
    arguments = ("search", profiles / "Grace_H & co" / "02.jpg", "--db", tmp_path / "e.faces", "--report", report)
    assert run(*arguments).exit_code == 0
    page = report.read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page
    assert "Grace H &amp; co" in page
    assert "http://" not in page
    assert "https://" not in page
    assert page.count("data:image/jpeg;base64,") == 4
    assert "Grace&#x27;s phone" in page
    with pytest.raises(UsageError, match="already exists"):
        run(*arguments)
    assert run(*arguments, "--overwrite").exit_code == 0


def test_made_up_strangers_are_marked_wherever_they_appear(people: Path, tmp_path: Path, run: Run) -> None:
    for number, photo in enumerate(sorted(people.glob("*/*.jpg"))):  # each on a page of its own: there are too few
        (tmp_path / "in" / f"page {number}").mkdir(parents=True)
        shutil.copy(photo, tmp_path / "in" / f"page {number}")
    db, page = tmp_path / "e.faces", tmp_path / "page.html"
    run("index", tmp_path / "in", "--db", db)
    search = ("search", people / "hopper" / "00.jpg", "--db", db, "--top", 40, "--distractors", 200)
    told = json.loads(run(*search, "--json", "--report", page).stdout)
    assert told["made_up_strangers"]["synthetic"] is True
    assert told["made_up_strangers"]["number"] == 200
    assert all(abs(misfit) < 0.03 for misfit in told["made_up_strangers"]["misfit"].values())
    made_up = [hit for hit in told["hits"] if hit["made_up"]]
    assert len(made_up) + 15 >= 40
    assert all(hit["sources"] == [] and hit["title"] is None for hit in made_up)
    assert not any(hit["made_up"] for hit in told["hits"][:3])
    assert "200 made-up strangers: no real faces" in page.read_text()
    assert page.read_text().count("there is no such person") == len(made_up)


def test_made_up_strangers_need_ten_people_to_be_like(db: Path, people: Path, run: Run) -> None:
    with pytest.raises(DatasetError, match="need 10 real people to be modelled on, got 5"):
        run("search", people / "hopper" / "00.jpg", "--db", db, "--distractors", 5)


def test_a_recogniser_of_ones_own_is_used_and_has_no_threshold_on_few_pages(
    people: Path, tmp_path: Path, run: Run
) -> None:
    onnx = write_onnx(tmp_path / "mine.onnx")
    assert run("index", people, "--db", tmp_path / "e.faces", "--recogniser", onnx).exit_code == 0
    told = json.loads(run("search", people / "hopper" / "00.jpg", "--db", tmp_path / "e.faces", "--json").stdout)
    assert (told["recogniser"], told["threshold"]) == ("mine", None)
    assert {hit["over_threshold"] for hit in told["hits"]} == {None}


def test_without_faiss_the_error_names_the_extra(
    db: Path, people: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"photo-cloak\[eval\]"):
        run("search", people / "collins" / "00.jpg", "--db", db)


def _plain() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(buffer, "PNG")
    return buffer.getvalue()
