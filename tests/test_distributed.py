"""Photos at URLs without a cluster: what is done, what never is, and that nothing of Ray is needed for it."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fsspec")

from fsspec.implementations.memory import MemoryFile

from cloak.config import ProtectConfig
from cloak.distributed.clerk import Clerk
from cloak.distributed.places import HIDDEN, Address, Mark, Place, is_url
from cloak.distributed.planning import Task, Work, pack, prepare, unpack
from cloak.distributed.worker import TOGETHER, TRIALS, Loaded, Worker
from cloak.errors import WriteError
from cloak.outcome import Status

OPTIONS = ("--faces", "none", "--json")
CONFIG = ProtectConfig(faces="none", device="cpu")


def _run(cloak, *arguments):
    result = cloak("protect", *arguments, *OPTIONS)
    assert result.code in {0, 3}, result.err
    document = json.loads(result.out)
    return {photo["source"].rpartition("/")[2]: photo["status"] for photo in document["photos"]}


def _written(system):
    return {name: bytes(system.cat_file(name)) for name in system.find("/out") if HIDDEN not in name.split("/")}


def test_what_is_done_is_not_done_again_what_is_missing_or_changed_is(cloak, memory, photos, paint):
    names = ["0.png", "1.png", "2.png", "3.png"]
    assert _run(cloak, photos, "-o", "memory://out") == dict.fromkeys(names, "stripped")
    before = {name: memory.modified(name) for name in _written(memory)}
    assert _run(cloak, photos, "-o", "memory://out") == dict.fromkeys(names, "already done")
    assert {name: memory.modified(name) for name in _written(memory)} == before
    memory.rm_file("/out/0/0.png")
    paint(photos / "1" / "1.png", width=99)
    statuses = _run(cloak, photos, "-o", "memory://out")
    assert statuses == {"0.png": "stripped", "1.png": "stripped", "2.png": "already done", "3.png": "already done"}
    assert _run(cloak, photos, "-o", "memory://out", "--no-face", "fail", "--format", "webp") == dict.fromkeys(
        names, "stripped"
    )


def test_a_file_of_the_user_and_a_changed_one_are_never_replaced_unasked(cloak, memory, photos):
    memory.pipe_file("/out/0/0.png", b"mine")
    assert _run(cloak, photos, "-o", "memory://out")["0.png"] == "failed"
    memory.pipe_file("/out/1/1.png", b"edited")
    statuses = _run(cloak, photos, "-o", "memory://out")
    assert statuses == {"0.png": "failed", "1.png": "failed", "2.png": "already done", "3.png": "already done"}
    assert (memory.cat_file("/out/0/0.png"), memory.cat_file("/out/1/1.png")) == (b"mine", b"edited")
    statuses = _run(cloak, photos, "-o", "memory://out", "--overwrite")
    assert set(statuses.values()) == {"stripped", "already done"}


def test_there_and_back_the_same_bytes_and_no_name_or_temporary_file_is_left(cloak, memory, photos, tmp_path):
    _run(cloak, photos, "-o", tmp_path / "plain")
    _run(cloak, photos, "-o", "memory://out")
    plain = tmp_path / "plain"
    assert {name.removeprefix("/out/"): data for name, data in _written(memory).items()} == {
        path.relative_to(plain).as_posix(): path.read_bytes() for path in plain.rglob("*.png")
    }
    _run(cloak, photos, "-o", f"file://{tmp_path}/files")
    _run(cloak, f"file://{tmp_path}/files", "-o", tmp_path / "back")
    assert {path.name: path.read_bytes() for path in (tmp_path / "back").rglob("*.png")} == {
        path.name: path.read_bytes() for path in (tmp_path / "plain").rglob("*.png")
    }
    hidden = [path for path in (tmp_path / "files" / HIDDEN).rglob("*") if path.is_file()]
    assert len(hidden) == 5
    assert {path.suffix for path in hidden} == {".json"}
    assert str(photos) not in "".join(path.read_text() for path in hidden)


def test_random_names_stay_the_same_and_say_nothing(cloak, memory, photos):
    _run(cloak, photos, "-o", "memory://out", "--names", "random")
    before = _written(memory)
    assert len(before) == 4
    assert all(len(Path(name).stem) == 16 for name in before)
    assert set(_run(cloak, photos, "-o", "memory://out", "--names", "random").values()) == {"already done"}
    assert _written(memory) == before
    memory.store.clear()
    _run(cloak, photos, "-o", "memory://out", "--names", "random")
    assert not _written(memory).keys() & before.keys(), "another output has other names"


@pytest.mark.usefixtures("memory")
def test_one_bad_photo_does_not_stop_the_others_and_has_its_name_and_reason(cloak, photos):
    (photos / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    (photos / "gone.jpg").symlink_to(photos / "nowhere.jpg")
    result = cloak("protect", photos, "-o", "memory://out", "--faces", "none")
    assert result.code == 3
    assert f"failed: {photos}/bad.jpg: " in result.err
    assert f"failed: {photos}/gone.jpg: cannot be read: no such file" in result.err
    assert "4 stripped only (no face cloaked), 2 failed." in result.out


def test_a_dry_run_writes_nothing(cloak, memory, photos):
    assert set(_run(cloak, photos, "-o", "memory://out", "--dry-run").values()) == {"would strip"}
    assert not memory.find("/out")
    _run(cloak, photos, "-o", "memory://out")
    assert set(_run(cloak, photos, "-o", "memory://out", "--dry-run").values()) == {"already done"}


def test_without_records_every_run_is_the_first(cloak, memory, photos):
    assert set(_run(cloak, photos, "-o", "memory://out", "--no-manifest").values()) == {"stripped"}
    assert not memory.find(f"/out/{HIDDEN}")
    assert set(_run(cloak, photos, "-o", "memory://out", "--no-manifest").values()) == {"failed"}
    assert set(_run(cloak, photos, "-o", "memory://out", "--no-manifest", "--overwrite").values()) == {"stripped"}


def test_names_that_lead_out_of_the_folder_are_refused(cloak, memory, photos, tmp_path):
    data = (photos / "0" / "0.png").read_bytes()
    evil = "/in/../../../evil.png"  # as buckets may have them; this one has no other way to make it
    memory.store[evil] = MemoryFile(memory, evil, data)
    memory.pipe_file("/in/good.png", data)
    result = cloak("protect", "memory://in", "-o", tmp_path / "deep" / "er" / "out", "--faces", "none")
    assert result.code == 3
    assert "its name leads out of the folder" in result.err
    assert [path.name for path in tmp_path.rglob("*.png") if photos not in path.parents] == ["good.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch://in", "-o", "out"], "cannot be used"),
        (["memory://in", "-o", "out"], "no photos in memory://in"),
        (["memory://in", "-o", "memory://in/"], "both input and output"),
        (["sftp://me:secret@host/in", "-o", "out"], "passwords do not belong"),
        (["memory://in", "-o", "out", "--engine", "ray"], "memory:// is the memory of one process"),
        (["in", "-o", "out", "--address", "1.2.3.4:5"], "add --engine ray"),
    ],
)
@pytest.mark.usefixtures("memory")
def test_what_cannot_be_is_said(cloak, arguments, said):
    result = cloak("protect", *arguments)
    assert (result.code, said in result.err) == (2, True), result.err
    assert "secret" not in result.err


def test_the_plain_command_imports_neither_ray_nor_fsspec_and_without_ray_the_extra_is_named(paint, tmp_path):
    paint(tmp_path / "in" / "one.png")
    program = """
import sys
if sys.argv[1] == "blocked":
    sys.modules["ray"] = None
from cloak.cli.main import main
sys.argv[0:2] = ["cloak"]
try:
    main()
finally:
    assert "fsspec" not in sys.modules or "ray" in sys.argv
    assert not sys.modules.get("ray")
"""
    command = ["protect", str(tmp_path / "in"), "--faces", "none", "-o"]

    def run(how, *more):
        call = [sys.executable, "-c", program, how, *command, *map(str, more)]
        return subprocess.run(call, capture_output=True, text=True, check=False)

    assert run("free", tmp_path / "out").returncode == 0
    assert run("blocked", tmp_path / "out2").returncode == 0
    refused = run("blocked", tmp_path / "out3", "--engine", "ray")
    assert refused.returncode == 1
    assert 'pip install "photo-cloak[ray]"' in refused.stderr


def test_a_write_that_fails_leaves_what_was_there(memory, monkeypatch):
    place = Place("memory://out")
    place.write("a.jpg", b"old")
    monkeypatch.setattr("cloak.distributed.places.PAUSE", 0)
    monkeypatch.setattr(type(memory), "mv", lambda *_, **__: (_ for _ in ()).throw(OSError("cut off")))
    with pytest.raises(WriteError, match=r"cannot write a\.jpg: OSError: cut off"):
        place.write("a.jpg", b"new")
    assert memory.find("/out") == ["/out/a.jpg"]
    assert memory.cat_file("/out/a.jpg") == b"old"


@pytest.mark.usefixtures("memory")
def test_a_file_is_known_by_its_content_whatever_its_size_and_time():
    place, salt = Place("memory://out"), b"s" * 32
    place.write("a.jpg", b"one")
    assert place.is_still("a.jpg", Mark.of(b"one", salt), salt)
    assert not place.is_still("a.jpg", Mark.of(b"two", salt), salt)
    assert not place.is_still("a.jpg", None, salt)
    assert not place.is_still("b.jpg", Mark.of(b"one", salt), salt)


def test_an_address_is_shown_as_it_is_also_after_a_journey():
    address = Address("s3://bucket/a//b.jpg")
    assert str(address) == os.fspath(address) == "s3://bucket/a//b.jpg"
    assert str(pickle.loads(pickle.dumps(address))) == "s3://bucket/a//b.jpg"  # noqa: S301
    assert is_url("s3://bucket")
    assert not is_url("c://folder")
    assert not is_url("/tmp/a")  # noqa: S108


def test_parts_are_bounded_by_number_and_bytes_and_no_worker_goes_without():
    def parts(sizes, workers):
        tasks = [Task(index=n, root="", name="", target="", size=size) for n, size in enumerate(sizes)]
        made = Work(CONFIG, "out", tuple(tasks), (), ()).parts(workers)
        assert [task for part in made for task in part] == tasks
        return [len(part) for part in made]

    assert parts([1] * 300, 1) == [64, 64, 64, 64, 44]
    assert parts([1] * 32, 2) == [8, 8, 8, 8]
    assert parts([1] * 3, 4) == [3]
    assert parts([40 * 2**20] * 3, 1) == [1, 1, 1]
    assert parts([500 * 2**20, 1], 1) == [1, 1]
    assert parts([], 1) == []


def test_tasks_may_have_names_that_are_no_unicode(tmp_path, paint):
    paint(tmp_path / "in" / os.fsdecode(b"caf\xe9.png"))
    work = prepare([str(tmp_path / "in")], str(tmp_path / "out"), CONFIG)
    assert unpack(pack(work.tasks)) == list(work.tasks)
    assert pack(work.tasks).isascii()


def test_a_photo_that_takes_its_worker_down_alone_and_again_has_failed_and_the_others_have_not(paint, tmp_path):
    """What a killed worker leaves behind is a part that was started and not ended."""
    (tmp_path / "out").mkdir()
    work = prepare([str(_two(paint, tmp_path))], str(tmp_path / "out"), CONFIG)
    clerk = Clerk(work.output, CONFIG)
    clerk.open()
    part = [Loaded(task, Path(task.name).read_bytes()) for task in work.tasks]
    for _ in range(TOGETHER):
        clerk.start([0, 1])
    for _ in range(TRIALS):
        clerk.trial(0)
    worker = Worker(CONFIG, None, work.output, None, lambda name, *told: getattr(clerk, name)(*told))
    worker.work(part)
    worker.close()
    clerk.close()
    outcomes = clerk.collect()
    assert {index: one.status for index, one in outcomes.items()} == {0: Status.FAILED, 1: Status.STRIPPED}
    assert "took its worker down" in outcomes[0].reason


def _two(paint, folder):
    for name in ("bad.png", "good.png"):
        paint(folder / "in" / name)
    return folder / "in"


def test_what_a_worker_wrote_before_it_was_lost_keeps_its_verdict(paint, tmp_path):
    (tmp_path / "out").mkdir()
    work = prepare([str(_two(paint, tmp_path))], str(tmp_path / "out"), CONFIG)
    clerk = Clerk(work.output, CONFIG)
    clerk.open()
    part = [Loaded(task, Path(task.name).read_bytes()) for task in work.tasks]

    def call(name, *told):
        return None if name in {"report", "end"} and lost else getattr(clerk, name)(*told)

    worker = Worker(CONFIG, None, work.output, None, call)
    lost = True
    worker.work(part)
    assert not clerk.collect()
    lost = False
    worker.work(part)
    worker.close()
    clerk.close()
    assert {one.status for one in clerk.collect().values()} == {Status.STRIPPED}


def test_only_an_output_that_can_be_written_to_starts_the_work(tmp_path, paint, cloak):
    paint(tmp_path / "in" / "one.png")
    (tmp_path / "file").write_text("no folder")
    result = cloak("protect", tmp_path / "in", "-o", f"file://{tmp_path}/file/out", "--faces", "none")
    assert result.code == 1
    assert "cannot be written to" in result.err
