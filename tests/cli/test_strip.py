"""`cloak strip` as people use it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cloak.image.scan import scan
from cloak.image.strip.base import CUT_OFF
from cloak.stripping import StripConfig, strip_photos
from cloak.targets import Job

HEAVY = ("torch", "PIL", "numpy", "rich")


def orientation(path: Path) -> int:
    with Image.open(path) as image:
        return int(image.getexif().get(0x0112, 1))


def test_a_folder_is_stripped_and_each_photo_said_to_be_rid_of_what(cloak, examples, tmp_path):
    (examples / "sub").mkdir()
    (examples / "phone.jpg").rename(examples / "sub" / "phone.jpg")
    result = cloak("strip", examples, "-o", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    source, target = examples / "sub" / "phone.jpg", tmp_path / "out" / "sub" / "phone.jpg"
    (line,) = [line for line in lines if "phone.jpg" in line]
    assert line.startswith(f"stripped: {source} -> {target}: removed camera make and model, ")
    assert "GPS position" in line
    assert line.endswith("; kept orientation")
    assert lines[-1].startswith("3 photos stripped, 0 failed. ")
    for path in (tmp_path / "out").rglob("*.*"):
        scan(path.read_bytes())
    assert orientation(target) == orientation(source) != 1


def test_pixels_are_the_same_and_originals_stay_as_they_are(cloak, examples, tmp_path):
    before = {path: path.read_bytes() for path in examples.iterdir()}
    cloak("strip", examples, "-o", tmp_path / "out")
    assert {path: path.read_bytes() for path in examples.iterdir()} == before
    for path in before:
        with Image.open(path) as old, Image.open(tmp_path / "out" / path.name) as new:
            assert (old.mode, old.tobytes()) == (new.mode, new.tobytes())


def test_one_photo_may_be_given_the_name_of_a_file(cloak, examples, tmp_path):
    out = tmp_path / "new" / "clean.jpg"
    assert cloak("strip", examples / "phone.jpg", "-o", out).code == 0
    assert out.is_file()
    again = cloak("strip", examples / "phone.jpg", "-o", out)
    assert (again.code, "already exists" in again.err) == (3, True)
    assert cloak("strip", examples / "phone.jpg", "-o", out, "--overwrite").code == 0
    itself = cloak("strip", examples / "phone.jpg", "-o", examples / "phone.jpg", "--overwrite")
    assert (itself.code, "one of the originals" in itself.err) == (2, True)
    assert cloak("strip", examples, "-o", tmp_path / "folder.jpg").code == 0
    assert (tmp_path / "folder.jpg").is_dir()


def test_a_photo_that_fails_is_named_with_its_reason_and_not_written(cloak, examples, tmp_path):
    (examples / "cut.jpg").write_bytes((examples / "phone.jpg").read_bytes()[:5000])
    (examples / "raw.cr2").write_bytes(b"IIU\0" + bytes(100))
    result = cloak("strip", examples, "-o", tmp_path / "out")
    assert result.code == 3
    assert f"failed: {examples / 'cut.jpg'}: JPEG: truncated or damaged" in result.err
    assert "raw.cr2: a camera raw file is not supported" in result.err
    assert result.out.splitlines()[-1].startswith("3 photos stripped, 2 failed.")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["collins.png", "phone.jpg", "workers.jpg"]


def test_a_wrong_suffix_is_put_right(cloak, examples, tmp_path):
    (examples / "phone.jpg").rename(examples / "phone.png")
    (examples / "collins.png").rename(examples / "collins")
    assert cloak("strip", examples / "phone.png", examples / "collins", "-o", tmp_path / "out").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["collins.png", "phone.jpg"]


def test_random_names_tell_nothing(cloak, examples, tmp_path):
    cloak("strip", examples, "-o", tmp_path / "out", "--names", "random")
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(Path(name).suffix for name in names) == [".jpg", ".jpg", ".png"]
    assert not any(path.stem in name for path in examples.iterdir() for name in names)


@pytest.mark.parametrize(
    ("keep", "turned"),
    [((), True), (("orientation",), True), (("icc", "orientation"), True), (("icc",), False), (("none",), False)],
)
def test_what_may_stay_is_the_users_choice(cloak, examples, tmp_path, keep, turned):
    options = [part for name in keep for part in ("--keep", name)]
    assert cloak("strip", examples / "phone.jpg", "-o", tmp_path, *options).code == 0
    assert (orientation(tmp_path / "phone.jpg") != 1) == turned


def test_choices_that_contradict_each_other_are_wrong_usage(cloak, examples, tmp_path):
    photo = examples / "phone.jpg"
    for options in (
        ("--keep", "none", "--keep", "icc"),
        ("--reencode", "--keep", "icc"),
        ("--jobs", "0"),
        ("--keep", "gps"),
    ):
        assert cloak("strip", photo, "-o", tmp_path / "out", *options).code == 2
    assert cloak("strip", photo, "-o", tmp_path / "a.jpg", "--names", "random").code == 2
    assert not (tmp_path / "out").exists()


def test_times_and_attributes_carry_nothing_over(cloak, examples, tmp_path):
    source = examples / "phone.jpg"
    os.utime(source, ns=(10**18, 10**18))
    attributes = hasattr(os, "setxattr")
    if attributes:
        try:
            os.setxattr(source, "user.where.from", b"https://example.org")
        except OSError:
            attributes = False
    cloak("strip", source, "-o", tmp_path / "now")
    cloak("strip", source, "-o", tmp_path / "then", "--mtime", "keep")
    assert (tmp_path / "now" / "phone.jpg").stat().st_mtime_ns > 10**18
    assert (tmp_path / "then" / "phone.jpg").stat().st_mtime_ns == 10**18
    if attributes:
        assert os.listxattr(tmp_path / "now" / "phone.jpg") == os.listxattr(tmp_path / "then" / "phone.jpg") == []


def test_a_photo_that_is_cut_off_is_stripped_and_that_is_said(cloak, examples, tmp_path):
    (examples / "half.jpg").write_bytes((examples / "phone.jpg").read_bytes()[:-1000])
    result = cloak("strip", examples / "half.jpg", "-o", tmp_path / "out", "--json")
    assert (result.code, json.loads(result.out)["photos"][0]["notes"]) == (0, [CUT_OFF])
    assert f"note: {examples / 'half.jpg'}: {CUT_OFF}" in result.err
    scan((tmp_path / "out" / "half.jpg").read_bytes())
    assert cloak("strip", examples / "half.jpg", "-o", tmp_path / "again", "-q").err == ""


def test_what_is_to_be_said_of_many_photos_is_said_once(cloak, examples, tmp_path):
    half = (examples / "phone.jpg").read_bytes()[:-1000]
    (tmp_path / "many").mkdir()
    for number in range(5):
        (tmp_path / "many" / f"{number}.jpg").write_bytes(half)
    noted = cloak("strip", tmp_path / "many", "-o", tmp_path / "out").err
    assert noted.count("note: ") == 1
    assert f"note: 5 photos, the first is {tmp_path / 'many' / '0.jpg'}: {CUT_OFF}" in noted
    assert cloak("strip", tmp_path / "many" / "0.jpg", "-o", tmp_path / "one.jpg").err.count(CUT_OFF) == 1


def test_a_dry_run_finds_the_same_and_writes_nothing(cloak, examples, tmp_path):
    (examples / "cut.jpg").write_bytes((examples / "phone.jpg").read_bytes()[:5000])
    dry = cloak("strip", examples, "-o", tmp_path / "out", "--dry-run", "--json")
    assert not (tmp_path / "out").exists()
    wet = cloak("strip", examples, "-o", tmp_path / "out", "--json")
    assert (dry.code, wet.code) == (3, 3)
    dry_photos, wet_photos = (json.loads(result.out)["photos"] for result in (dry, wet))
    assert {photo["status"] for photo in dry_photos} == {"would strip", "failed"}
    assert [{**photo, "status": ""} for photo in dry_photos] == [{**photo, "status": ""} for photo in wet_photos]


def test_json_is_one_document_of_names_never_values(cloak, examples, tmp_path):
    result = cloak("strip", examples / "phone.jpg", "-o", tmp_path / "out", "--json")
    document = json.loads(result.out)
    assert document["summary"] == {"stripped": 1, "failed": 0}
    assert "serial number" in document["photos"][0]["removed"]
    assert document["photos"][0]["kept"] == ["orientation"]


def test_quiet_prints_failures_only(cloak, examples, tmp_path):
    assert cloak("strip", examples, "-o", tmp_path / "out", "-q").out == ""


def test_encoding_anew_turns_the_pixels_and_keeps_the_format(cloak, examples, tmp_path):
    result = cloak("strip", examples / "phone.jpg", "-o", tmp_path / "out", "--reencode")
    assert (result.code, "GPS position" in result.out) == (0, True)
    with Image.open(tmp_path / "out" / "phone.jpg") as new, Image.open(examples / "phone.jpg") as old:
        assert (new.format, dict(new.getexif())) == ("JPEG", {})
        assert new.size in {old.size, old.size[::-1]}
    scan((tmp_path / "out" / "phone.jpg").read_bytes())


def test_many_photos_at_the_same_time_come_out_in_order(examples, tmp_path):
    data = (examples / "phone.jpg").read_bytes()
    jobs = []
    for number in range(70):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(data if number % 7 else data[:600])
        jobs.append(Job(path, tmp_path / "out" / path.name))
    results = list(strip_photos(jobs, StripConfig(workers=4)))
    assert [result.job for result in results] == jobs
    assert [bool(result.error) for result in results] == [not number % 7 for number in range(70)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(f"{n}.jpg" for n in range(70) if n % 7)


def test_whoever_stops_early_gets_whole_files_and_no_others(examples, tmp_path):
    data = (examples / "phone.jpg").read_bytes()
    jobs = [Job(tmp_path / f"{number}.jpg", tmp_path / "out" / f"{number}.jpg") for number in range(400)]
    for job in jobs:
        job.source.write_bytes(data)
    run = strip_photos(jobs, StripConfig(workers=1))
    assert not next(run).error
    run.close()
    written = sorted(tmp_path.glob("out/*"))
    assert 0 < len(written) < 400
    assert {path.suffix for path in written} == {".jpg"}
    for path in written:
        scan(path.read_bytes())


@pytest.mark.parametrize("arguments", [["--help"], ["phone.jpg", "-o", "out"]])
def test_neither_help_nor_a_run_waits_for_pytorch_or_pillow(examples, arguments):
    code = f"""if True:
        import sys
        from cloak.cli.main import main
        try:
            main()
        finally:
            print(sorted(sys.modules.keys() & {set(HEAVY)}), file=sys.stderr)
    """
    command = [sys.executable, "-c", code, "strip", *arguments]
    run = subprocess.run(command, cwd=examples, capture_output=True, text=True, check=True)
    assert run.stderr == "[]\n"


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_an_interrupted_run_says_where_it_stopped_and_leaves_nothing_half_done(examples, tmp_path):
    data = (examples / "phone.jpg").read_bytes()
    (tmp_path / "in").mkdir()
    for number in range(2000):
        (tmp_path / "in" / f"{number}.jpg").write_bytes(data)
    command = [sys.executable, "-u", "-m", "cloak.cli.main", "strip", tmp_path / "in", "-o", tmp_path / "out"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(2)
        rest, errors = process.communicate()
    assert process.returncode == 1, errors
    assert "no file is half written." in rest
    written = list((tmp_path / "out").iterdir())
    assert 1 <= len(written) < 2000
    assert {path.suffix for path in written} == {".jpg"}
    for path in written:
        scan(path.read_bytes())
