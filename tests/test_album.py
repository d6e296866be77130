"""The same command again does what is missing or changed, and no more; nothing of the user's is ever replaced."""

import json
import os
import shutil
import sqlite3
from dataclasses import replace

import pytest

from cloak.album import Album, look
from cloak.album import settings as settings_of
from cloak.config import AttackConfig, FacePolicy, ProtectConfig, Strength
from cloak.manifest import NAME, OURS, locked
from cloak.outcome import Status
from cloak.pipeline import protect
from cloak.sources import find_photos
from cloak.targets import plan

CONFIG = ProtectConfig(faces=FacePolicy.NONE, device="cpu")
ALBUM = ("--faces", "none")


@pytest.fixture
def photos(paint, tmp_path):
    for number in range(4):
        paint(tmp_path / "in" / f"{number}.png", width=40 + number)
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def _written(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in OURS}


def _run(cloak, photos, out, *options):
    result = cloak("protect", photos, "-o", out, *ALBUM, "--json", *options)
    document = json.loads(result.out)
    return result.code, {photo["source"].rpartition("/")[2]: photo["status"] for photo in document["photos"]}


def test_what_is_done_is_not_done_again_and_that_is_no_failure(cloak, photos, out):
    assert _run(cloak, photos, out) == (0, dict.fromkeys(("0.png", "1.png", "2.png", "3.png"), "stripped"))
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert _run(cloak, photos, out) == (0, dict.fromkeys(("0.png", "1.png", "2.png", "3.png"), "already done"))
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.png")} == before
    result = cloak("protect", photos, "-o", out, *ALBUM)
    assert "0 stripped only (no face cloaked), 4 already done, 0 failed." in result.out


def test_what_is_missing_or_has_another_original_is_done_again(cloak, photos, out, paint):
    _run(cloak, photos, out)
    (out / "0.png").unlink()
    paint(photos / "1.png", width=99)
    code, statuses = _run(cloak, photos, out)
    assert code == 0
    assert [statuses[f"{n}.png"] for n in range(4)] == ["stripped", "stripped", "already done", "already done"]
    assert _run(cloak, photos, out)[1]["1.png"] == "already done"


def test_other_settings_replace_what_is_ours(cloak, photos, out):
    _run(cloak, photos, out, "--format", "jpeg")
    assert set(_run(cloak, photos, out, "--format", "jpeg", "--no-face", "fail")[1].values()) == {"stripped"}
    assert len(_written(out)) == 4


def test_a_file_of_the_user_and_a_changed_one_are_never_replaced_unasked(cloak, photos, out):
    out.mkdir()
    (out / "0.png").write_bytes(b"mine")
    assert _run(cloak, photos, out)[1]["0.png"] == "failed"
    (out / "1.png").write_bytes(b"edited")
    code, statuses = _run(cloak, photos, out)
    assert (code, statuses["0.png"], statuses["1.png"]) == (3, "failed", "failed")
    assert ((out / "0.png").read_bytes(), (out / "1.png").read_bytes()) == (b"mine", b"edited")
    code, statuses = _run(cloak, photos, out, "--overwrite")
    assert (code, set(statuses.values())) == (0, {"stripped", "already done"})
    assert set(_run(cloak, photos, out)[1].values()) == {"already done"}


def test_random_names_are_found_again_by_what_the_original_holds(cloak, photos, out):
    shutil.copy(photos / "0.png", photos / "copy.png")
    _run(cloak, photos, out, "--names", "random")
    before = _written(out)
    assert len(before) == 5
    assert set(_run(cloak, photos, out, "--names", "random")[1].values()) == {"already done"}
    (out / next(iter(before))).unlink()
    _run(cloak, photos, out, "--names", "random")
    assert _written(out) == before


def test_a_photo_that_failed_is_tried_again(cloak, photos, out, paint):
    (photos / "2.png").write_bytes(b"broken")
    assert _run(cloak, photos, out)[0] == 3
    result = cloak("album", "status", out)
    assert result.code == 3
    assert "1 failed: could not be done.\n  2.png\n" in result.out
    paint(photos / "2.png")
    assert _run(cloak, photos, out)[1]["2.png"] == "stripped"
    assert cloak("album", "status", out).code == 0


def test_what_was_made_of_an_original_stays_when_the_original_breaks(cloak, photos, out):
    _run(cloak, photos, out)
    before = _written(out)
    (photos / "2.png").write_bytes(b"broken")
    assert _run(cloak, photos, out)[1]["2.png"] == "failed"
    assert _written(out) == before


def test_status_tells_files_apart(cloak, photos, out):
    (photos / "3.png").write_bytes(b"broken")
    _run(cloak, photos, out)
    (out / "0.png").unlink()
    (out / "1.png").write_bytes(b"edited")
    (out / "notes.txt").write_bytes(b"foreign")
    result = cloak("album", "status", out, "--json")
    document = json.loads(result.out)
    assert document["summary"] == {"done": 1, "failed": 1, "missing": 1, "changed": 1, "foreign": 1}
    assert (document["missing"], document["changed"], document["foreign"]) == (["0.png"], ["1.png"], ["notes.txt"])
    assert cloak("album", "status", photos).code == 2


def test_a_dry_run_knows_what_is_done_and_writes_nothing(cloak, photos, out):
    assert set(_run(cloak, photos, out, "--dry-run")[1].values()) == {"would strip"}
    assert not out.exists()
    _run(cloak, photos, out)
    (out / "0.png").unlink()
    before = (out / NAME).read_bytes()
    statuses = _run(cloak, photos, out, "--dry-run")[1]
    assert (statuses["0.png"], statuses["1.png"]) == ("would strip", "already done")
    assert (out / NAME).read_bytes() == before


def test_without_a_manifest_none_is_written_and_files_in_the_way_are_refused(cloak, photos, out):
    assert _run(cloak, photos, out, "--no-manifest")[0] == 0
    assert len(list(out.iterdir())) == 4
    assert set(_run(cloak, photos, out, "--no-manifest")[1].values()) == {"failed"}


def test_the_manifest_names_no_original_and_no_folder(cloak, photos, out, tmp_path):
    (photos / "secret.png").write_bytes(b"broken")
    (photos / "0.png").rename(photos / "holiday.png")
    _run(cloak, photos, out, "--names", "random")
    with sqlite3.connect(out / NAME) as connection:
        dump = "\n".join(connection.iterdump()).encode() + (out / NAME).read_bytes()
    connection.close()
    for word in ("secret", str(tmp_path), "holiday", "in/"):
        assert word.encode() not in dump


def test_the_same_command_replaces_its_own_report_and_no_other(cloak, photos, out):
    report = out / "report.html"
    options = (*ALBUM, "--report", report)
    assert cloak("protect", photos, "-o", out, *options).code == 0
    assert cloak("protect", photos, "-o", out, *options).code == 0
    assert report.read_text().count("already done by an earlier run") == 4
    assert cloak("album", "status", out).out.startswith("4 done")
    report.write_text("mine")
    result = cloak("protect", photos, "-o", out, *options)
    assert (result.code, "already exists" in result.err) == (2, True)
    assert report.read_text() == "mine"


def test_a_report_outside_of_the_folder_is_replaced_too_and_the_manifest_does_not_say_where_it_is(
    cloak, photos, out, tmp_path
):
    report, other = tmp_path / "elsewhere" / "secret.html", tmp_path / "elsewhere" / "mine.html"
    options = (*ALBUM, "--report")
    assert cloak("protect", photos, "-o", out, *options, report).code == 0
    assert cloak("protect", photos, "-o", out, *options, report).code == 0
    assert report.read_text().count("already done by an earlier run") == 4
    assert b"secret" not in (out / NAME).read_bytes()
    assert cloak("album", "status", out).out.startswith("4 done")
    other.write_bytes(report.read_bytes())  # the same page, but not where a run put one
    report.write_text("mine")
    for path in (report, other):
        before = path.read_bytes()
        result = cloak("protect", photos, "-o", out, *options, path)
        assert (result.code, "already exists" in result.err) == (2, True)
        assert path.read_bytes() == before


def test_a_second_run_on_the_folder_is_refused_at_once(cloak, photos, out):
    out.mkdir()
    with locked(out):
        result = cloak("protect", photos, "-o", out, *ALBUM)
    assert result.code == 1
    assert "another run is at work" in result.err
    assert not _written(out)


def test_a_manifest_that_cannot_be_used_stops_the_run_and_loses_nothing(cloak, photos, out):
    _run(cloak, photos, out)
    before = _written(out)
    (out / NAME).write_bytes(b"garbage" * 1000)
    result = cloak("protect", photos, "-o", out, *ALBUM)
    assert result.code == 1
    assert "cannot be used" in result.err
    assert _written(out) == before
    (out / NAME).unlink()
    assert set(_run(cloak, photos, out)[1].values()) == {"failed"}
    assert set(_run(cloak, photos, out, "--overwrite")[1].values()) == {"stripped"}


def test_a_run_that_ends_between_entry_and_file_is_made_good(photos, out):
    """The narrowest window there is: the manifest knows of a file that was never written."""
    out.mkdir()
    jobs = plan(find_photos([photos], output=out).sources, out)

    def dies(config):
        with pytest.MonkeyPatch.context() as patch, Album(out, config) as album:
            patch.setattr("cloak.files.write", lambda *_, **__: None)
            list(protect(jobs, config, sink=album))

    dies(CONFIG)
    assert len(look(out).missing) == 4
    with Album(out, CONFIG) as album:
        assert {one.status for one in protect(jobs, CONFIG, sink=album)} == {Status.STRIPPED}
    before = _written(out)
    other = replace(CONFIG, no_face="fail")
    dies(other)  # the same while something of ours is to be replaced
    assert _written(out) == before
    with Album(out, other) as album:
        assert {one.status for one in protect(jobs, other, sink=album)} <= {Status.STRIPPED, Status.ALREADY_DONE}
    assert len(look(out).done) == 4


def test_all_that_changes_what_is_written_changes_the_settings():
    base = ProtectConfig()
    others = (
        replace(base, attack=AttackConfig(seed=1)),
        replace(base, attack=AttackConfig.preset(Strength.STRONG)),
        replace(base, faces=FacePolicy.LARGEST),
        replace(base, container="png"),
        replace(base, weights="research"),
    )
    assert len({settings_of(base), *map(settings_of, others)}) == 6
    same = (replace(base, device="cpu"), replace(base, jobs=3), replace(base, batch=2), replace(base, overwrite=True))
    assert {settings_of(base), *map(settings_of, same)} == {settings_of(base)}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may remount")
def test_a_read_only_folder_is_refused_before_any_work(cloak, photos, out):
    import subprocess  # noqa: PLC0415

    out.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", out], check=False, capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        result = cloak("protect", photos, "-o", out, *ALBUM)
        assert (result.code, "the disk is read-only" in result.err) == (1, True)
    finally:
        subprocess.run(["umount", out], check=True)
