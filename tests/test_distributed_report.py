"""`cloak protect --report` where photos are at URLs: the page of one machine, and whose it is."""

import io
import json
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fsspec")

import fsspec

from cloak.config import AttackConfig, ProtectConfig
from cloak.distributed import inline
from cloak.distributed.clerk import Clerk
from cloak.distributed.planning import prepare
from cloak.distributed.worker import Worker, load
from cloak.errors import WriteError
from cloak.outcome import Outcome, Status
from cloak.pipeline import protect
from cloak.report import Report, Spool
from cloak.sources import find_photos
from cloak.summary import Summary
from cloak.targets import plan

OPTIONS = ("--faces", "none", "--device", "cpu", "-q", "--report")


@pytest.fixture
def page(tmp_path):
    return tmp_path / "pages" / "report.html"


def test_the_page_is_that_of_one_machine_but_for_where_photos_are(cloak, memory, photos, page, tmp_path):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    for path in photos.rglob("*.*"):
        memory.pipe_file(f"/album/{path.relative_to(photos).as_posix()}", path.read_bytes())
    plain = tmp_path / "plain.html"
    assert cloak("protect", photos, "-o", tmp_path / "out", *OPTIONS, plain).code == 3
    assert cloak("protect", "memory://album", "-o", "memory://out", *OPTIONS, page).code == 3
    told = page.read_text()
    assert told.count("<img ") == told.count("src='data:image/") == 4 * 3
    assert "memory://album/0/0.png" in told
    places = {"memory://album": str(photos), "memory://out": str(tmp_path / "out")}
    for there, here in places.items():
        told = told.replace(there, here)
    assert told == plain.read_text()


def test_faces_are_shown_as_on_one_machine_and_no_pixels_leave_the_worker(examples, tmp_path):
    for path in sorted(examples.iterdir())[2:]:
        path.unlink()
    attack = AttackConfig(steps=1, looks=0)
    config = ProtectConfig(attack=attack, batch=1, jobs=1, device="cpu", report=tmp_path / "page.html")
    out = tmp_path / "out"
    out.mkdir()
    with Report() as report:
        summary = Summary(config)
        jobs = plan(find_photos([examples], output=out).sources, out)
        for outcome in protect(jobs, config):
            report.add(outcome)
            summary.add(outcome)
        report.write(tmp_path / "plain.html", summary)
    pictures: dict[int, str] = {}
    work = prepare([str(examples)], f"file://{tmp_path}/there", config)
    found = inline.protect(
        work,
        references=None,
        manifest=True,
        stop=threading.Event(),
        show=lambda index, told: pictures.update({index: told}),
    )
    with Report() as report:
        for index, outcome in found:
            assert outcome.pictures is None
            assert outcome.status is Status.PROTECTED
            here = replace(work.told(index, outcome), target=out / outcome.target)
            report.add(here, place=index, pictures=pictures.pop(index))
        report.write(tmp_path / "page.html", summary)
    assert not pictures
    told = (tmp_path / "page.html").read_text()
    assert told.count("at 100%") == len(summary.faces) > 0
    assert told == (tmp_path / "plain.html").read_text()


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("output", ["memory://out", "out"])
def test_the_same_command_replaces_its_own_report_and_no_other(cloak, photos, page, monkeypatch, output):
    monkeypatch.chdir(photos.parent)
    place = "memory://album"
    assert cloak("protect", photos, "-o", place, *OPTIONS[:-1]).code == 0
    for already in (0, 4):
        assert cloak("protect", place, "-o", output, *OPTIONS, page).code == 0
        assert page.read_text().count("already done by an earlier run") == already
    assert cloak("album", "status", output).out == "4 done: written, and as they were written.\n"
    other = page.with_name("other.html")
    other.write_bytes(page.read_bytes())  # the same page, but not where a run put one
    page.write_text("mine")
    for path in (page, other):
        before = path.read_bytes()
        result = cloak("protect", place, "-o", output, *OPTIONS, path)
        assert (result.code, "already exists: name another file" in result.err) == (2, True)
        assert path.read_bytes() == before
    assert cloak("protect", place, "-o", output, *OPTIONS, page, "--overwrite").code == 0
    assert page.read_text().startswith("<!doctype html>")


def test_the_records_do_not_say_where_the_report_is(cloak, memory, photos, page):
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS, page).code == 0
    names = memory.find("/out")
    held = b"".join(memory.cat_file(name) for name in names) + "".join(names).encode()
    assert not [part for part in (b"report.html", b"pages", str(page.parent).encode()) if part in held]


def test_without_records_a_page_that_is_there_is_refused(cloak, memory, photos, page):
    options = (*OPTIONS, page, "--no-manifest", "--format", "webp")
    assert cloak("protect", photos, "-o", "memory://out", *options).code == 0
    memory.store.clear()
    assert cloak("protect", photos, "-o", "memory://out", *options).code == 2
    assert not memory.find("/out"), "refused before the work"


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--report", "s3://bucket/page.html"], "it is written on this machine: name a local file"),
        (["--report", "page.html", "--dry-run"], "--dry-run writes nothing"),
        (["--report", "in/0/0.png"], "is one of the photos"),
        (["--report", "in"], "already exists"),
    ],
)
def test_what_cannot_be_is_said_before_the_work(cloak, photos, monkeypatch, arguments, said):
    monkeypatch.chdir(photos.parent)
    result = cloak("protect", "in", "-o", "memory://out", "--faces", "none", *arguments)
    assert (result.code, said in result.err) == (2, True), result.err
    assert not fsspec.filesystem("memory").find("/out")
    assert not list(photos.parent.glob("s3*"))


def _full(buffering):
    return Path("/dev/full").open("w+b", buffering=buffering)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
@pytest.mark.usefixtures("memory")
def test_no_room_for_the_page_costs_no_photo_and_is_told_of_with_what_to_do(cloak, memory, photos, page, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr("cloak.report.tempfile.TemporaryFile", _full)
        result = cloak("protect", photos, "-o", "memory://out", *OPTIONS, page)
    assert result.code == 1
    assert "the pictures of the report cannot be kept" in result.err
    assert "No space left on device" in result.err
    assert len(memory.glob("/out/*/*.png")) == len(list(photos.glob("*/*.png")))
    assert not page.exists()
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS, page).code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
@pytest.mark.usefixtures("memory")
def test_a_page_says_which_pictures_there_was_no_room_for(cloak, photos, page, monkeypatch):
    class Full(Spool):
        """For a while."""

        def put(self, number, text):
            if number:
                raise WriteError("full")
            super().put(number, text)

    monkeypatch.setattr("cloak.distributed.clerk.Spool", Full)
    assert cloak("protect", photos, "-o", "memory://out", *OPTIONS, page).code == 0
    assert page.read_text().count("no room on the disk") == len(list(photos.glob("*/*.png"))) - 1


def test_sections_are_in_the_order_of_photos_in_whatever_order_they_come(tmp_path):
    config = ProtectConfig(faces="none", device="cpu")
    with Report() as report:
        for place in (2, 0, 1):
            report.add(Outcome(source=Path(f"{place}.jpg"), status=Status.FAILED, reason="broken"), place=place)
        report.write(tmp_path / "page.html", Summary(config))
    told = (tmp_path / "page.html").read_text()
    assert told.index("0.jpg") < told.index("1.jpg") < told.index("2.jpg")


def test_pictures_that_nobody_has_fetched_yet_are_on_the_disk_and_not_in_memory(tmp_path):
    clerk = Clerk("memory://out", ProtectConfig(faces="none", device="cpu", report=tmp_path / "page.html"))
    tracemalloc.start()
    try:
        for index in range(64):
            clerk.report(index, Outcome(source=Path("a"), status=Status.STRIPPED), f"{index:02}" * 2**19)
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2**20
    assert most < 8 * 2**20, "64 MB would be in memory"
    clerk.report(0, Outcome(source=Path("a"), status=Status.STRIPPED), "again")
    assert [clerk.figures(index)[:2] for index in range(64)] == [f"{index:02}" for index in range(64)]
    assert clerk.figures(0) == "", "once"
    clerk.close()


def test_the_room_on_the_disk_is_given_back_when_all_is_taken(monkeypatch):
    file = io.BytesIO()
    monkeypatch.setattr("cloak.report.tempfile.TemporaryFile", lambda **_: file)
    spool = Spool()
    spool.put(1, "é")
    spool.put(0, "")
    assert (spool.numbers(), spool.take(1), spool.take(0), spool.take(7)) == ([0, 1], "é", "", "")
    assert file.getvalue() == b""
    spool.put(3, "more")
    assert (spool.read(3), spool.take(3), spool.numbers()) == ("more", "more", [])


@pytest.mark.parametrize("report", [None, Path("/home/me/page.html")])
def test_workers_make_pictures_only_for_a_report_and_do_not_hear_where_it_is(photos, tmp_path, report):
    (tmp_path / "out").mkdir()
    config = ProtectConfig(faces="none", device="cpu", report=report)
    work = prepare([str(photos)], str(tmp_path / "out"), config)
    assert "/home/me" not in repr(work.orders)
    clerk = Clerk(work.output, work.orders, manifest=False)
    seen = []

    def call(name, *told):
        seen.extend(told if name == "report" else ())
        return getattr(clerk, name)(*told)

    worker = Worker(work.orders, None, work.output, None, call)
    worker.work(list(load(work.tasks, config.max_pixels)))
    worker.close()
    clerk.close()
    assert all(bool(told) is bool(report) for told in seen[2::3])
    assert len(seen) == 3 * 4
    assert json.dumps([told for told in seen if isinstance(told, str)])
