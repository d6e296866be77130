"""`cloak protect` as people use it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloak.cli.protect import CHOICES
from cloak.config import BystanderPolicy, Effort, FacePolicy, NoFacePolicy, ProtectPolicy, Strength
from cloak.container import ENCODED, Container
from cloak.errors import WriteError
from cloak.image.codec import decode
from cloak.models import Profile
from cloak.names import NamePolicy
from cloak.summary import LIMIT


def test_the_options_are_those_of_the_library():
    library = {
        "strength": Strength,
        "effort": Effort,
        "weights": Profile,
        "faces": FacePolicy,
        "protect": ProtectPolicy,
        "bystanders": BystanderPolicy,
        "names": NamePolicy,
        "no-face": NoFacePolicy,
    }
    assert {name: tuple(kind) for name, kind in library.items()} == {
        name: choices for name, choices in CHOICES.items() if name != "format"
    }
    assert set(CHOICES["format"]) - {"keep"} == ENCODED - {Container.TIFF}


def test_a_photo_is_protected_judged_and_reported_in_plain_words(cloak, examples, tmp_path):
    out, report = tmp_path / "out", tmp_path / "report.html"
    result = cloak("protect", examples / "phone.jpg", "-o", out, "--strength", "strong", "-v", "--report", report)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith(f"protected: {examples / 'phone.jpg'} -> {out / 'phone.jpg'}: 1 face; ")
    assert "GPS position" in lines[0]
    assert lines[1] == "1 photo protected, 0 stripped only (no face cloaked), 0 failed."
    assert lines[2].startswith(
        "A recogniser that was not used to make the cloaks (set to 1 false match in 1,000) would "
    )
    assert "of other photos of the same person" in lines[2]
    assert "against the very photo that was protected, it still matches " in lines[2]
    assert lines[-1] == LIMIT
    assert report.exists()
    assert abs((out / "phone.jpg").stat().st_mtime - report.stat().st_mtime) < 60


def test_json_is_one_document_on_stdout_and_all_else_goes_to_stderr(cloak, examples, tmp_path):
    (examples / "broken.jpg").write_bytes(b"")
    result = cloak("protect", examples, "-o", tmp_path / "out", "--dry-run", "--json", "-v")
    assert result.code == 3
    document = json.loads(result.out)
    assert document["summary"]["would_protect"] == 3
    assert document["summary"]["failed"] == 1
    assert {photo["faces_found"] for photo in document["photos"]} == {0, 1, 3}
    assert "failed: " in result.err
    assert not (tmp_path / "out").exists()


def test_quiet_prints_failures_only(cloak, paint, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"")
    result = cloak("protect", tmp_path / "broken.jpg", paint(tmp_path / "a.png"), "-o", tmp_path / "out", "-q", "-v")
    assert result.out == ""
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("format_", [choice for choice in CHOICES["format"] if choice != "keep"])
def test_every_format_can_be_asked_for(cloak, paint, tmp_path, format_):
    out = tmp_path / "out"
    assert cloak("protect", paint(tmp_path / "a.tiff"), "-o", out, "--format", format_, "--faces", "none").code == 0
    (path,) = out.glob("[!.]*")
    photo = decode(path.read_bytes())
    assert (photo.encoding.container, photo.width, photo.height) == (format_, 48, 32)


def test_random_names_are_given_in_one_folder_and_told_to_the_owner(cloak, paint, tmp_path):
    path = paint(tmp_path / "in" / "Anna" / "IMG_1.JPG", format="jpeg")
    result = cloak("protect", tmp_path / "in", "-o", tmp_path / "out", "--names", "random", "--json", "--faces", "none")
    (written,) = (tmp_path / "out").glob("[!.]*")
    (photo,) = json.loads(result.out)["photos"]
    assert (photo["source"], photo["target"]) == (str(path), str(written))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--report", "{tmp}/r.html", "--dry-run"], "leave one of them out"),
        (["--report", "{tmp}/a.png"], "is one of the photos"),
        (["--report", "{tmp}/out/../a.png", "--overwrite"], "is one of the photos"),
        (["--report", "{tmp}/taken.html"], "already exists"),
        (["--device", "abacus"], "no such device"),
        (["--strength", "invisible"], "invisible"),
        (["--max-pixels", "0"], "max-pixels"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_written(cloak, paint, tmp_path, options, reason):
    paint(tmp_path / "a.png")
    (tmp_path / "taken.html").touch()
    options = [option.replace("{tmp}", str(tmp_path)) for option in options]
    result = cloak("protect", tmp_path / "a.png", "-o", tmp_path / "out", *options)
    assert result.code == 2
    assert reason in result.err
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo terminal")
def test_progress_is_for_terminals_and_does_not_swallow_results(paint, tmp_path):
    import pty  # noqa: PLC0415 -- not on Windows

    for number in range(8):
        paint(tmp_path / "in" / f"{number}.png", width=300, height=300)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cloak.cli.main", "protect", tmp_path / "in", "-o", tmp_path / "out"]
    environment = {**os.environ, "TERM": "xterm"}
    result = subprocess.run(
        [*command, "--faces", "none", "-v"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        env=environment,
        text=True,
    )
    os.close(theirs)
    seen = b""
    while block := _read(ours):
        seen += block
    os.close(ours)
    assert b"Protecting" in seen
    assert b"8/8" in seen
    assert result.stdout.count("stripped: ") == 8
    assert "\x1b" not in result.stdout


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other end is closed
        return b""


def _full(buffering):
    return Path("/dev/full").open("w+b", buffering=buffering)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_no_room_for_the_pictures_of_the_report_costs_no_photo(cloak, paint, tmp_path, monkeypatch):
    monkeypatch.setattr("cloak.report.tempfile.TemporaryFile", _full)
    for name in "abc":
        paint(tmp_path / "in" / f"{name}.png")
    report = tmp_path / "r.html"
    result = cloak("protect", tmp_path / "in", "-o", tmp_path / "out", "--faces", "none", "--report", report)
    assert result.code == 1
    assert "3 stripped only" in result.out
    assert "the pictures of the report cannot be kept" in result.err
    assert len(list((tmp_path / "out").glob("*.png"))) == 3
    assert not report.exists()


def test_a_report_that_cannot_be_written_does_not_hide_what_became_of_the_photos(cloak, paint, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise WriteError("the disk is full")

    monkeypatch.setattr("cloak.report.Report.write", full)
    paint(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.jpg").write_bytes(b"no photo")
    report = tmp_path / "r.html"
    result = cloak("protect", tmp_path / "in", "-o", tmp_path / "out", "--faces", "none", "--report", report)
    assert result.code == 1
    assert "b.jpg" in result.err
    assert "1 stripped only" in result.out + result.err
    assert "the disk is full" in result.err
