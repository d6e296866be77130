"""`cloak inspect` as people and scripts use it."""

import json
import shutil
import subprocess
import sys

import pytest

from cloak.cli import inspect_table


@pytest.fixture
def plain(paint, tmp_path):
    return paint(tmp_path / "plain.png")


def test_nothing_found_is_0_and_never_called_safe(cloak, plain):
    result = cloak("inspect", plain, "--no-faces")
    assert (result.code, result.err) == (0, "")
    assert "nothing found by this scan" in result.out
    assert "safe" not in result.out.casefold()


def test_something_found_is_4_and_told_in_words(cloak, examples):
    result = cloak("inspect", examples / "phone.jpg", "--no-faces")
    assert result.code == 4
    for words in ("Where it was taken", "(to about 3 m)", "Which device made it", "serial number of the camera"):
        assert words in result.out
    assert "cloak strip" in result.out
    assert "\x1b" not in result.out


def test_what_cannot_be_read_is_3_whatever_was_found_in_others(cloak, examples):
    (examples / "broken.jpg").write_bytes(b"")
    result = cloak("inspect", examples, "--no-faces", "-q")
    assert result.code == 3
    assert "could not be read: the file is empty" in result.out


def test_a_path_that_is_not_there_is_2(cloak, tmp_path):
    assert cloak("inspect", tmp_path / "nothing.jpg").code == 2


def test_json_is_one_document_with_a_schema(cloak, examples, plain):
    result = cloak("inspect", examples / "phone.jpg", plain, "--no-faces", "--json")
    document = json.loads(result.out)
    assert (document["schema"], document["version"]) == ("cloak.inspect", 1)
    phone, other = document["photos"]
    assert (phone["status"], other["status"]) == ("found", "nothing found by this scan")
    assert {"harm", "what", "value", "source", "counts"} == set(phone["findings"][0])
    assert phone["findings"][0]["harm"] == "where"
    assert phone["embedded_pictures"][0]["differs"] is False
    assert document["summary"]["harms"]["where"] == 1


def test_the_page_is_self_contained_and_escapes_values(cloak, paint, tmp_path):
    path = paint(tmp_path / "<b>&.jpg", comment=b"<script>alert(1)</script>")
    report = tmp_path / "page.html"
    assert cloak("inspect", path, "--no-faces", "--report", report).code == 4
    page = report.read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;&amp;.jpg" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "data:image/jpeg;base64," in page
    assert cloak("inspect", path, "--no-faces", "--report", report).code == 2
    assert cloak("inspect", path, "--no-faces", "--report", path).code == 2
    assert cloak("inspect", path, "--no-faces", "--report", report, "--overwrite").code == 4


def test_strict_tells_what_the_scan_does_not_know(cloak, plain):
    plain.write_bytes(plain.read_bytes() + b"tail")
    assert "not part of a clean file" in cloak("inspect", plain, "--no-faces", "--strict").out


def test_faces_are_found_where_they_are_looked_for(cloak, examples):
    result = cloak("inspect", examples / "workers.jpg", "--faces")
    assert result.code == 4
    assert "Faces that can be searched for" in result.out


def test_without_faces_pytorch_is_not_loaded(examples):
    code = (
        "import sys; sys.argv = ['cloak', 'inspect', sys.argv[1], '--no-faces', '-q']\n"
        "from cloak.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as stop: print(stop.code, 'torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code, examples / "phone.jpg"], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "4 False"


def test_a_terminal_gets_colours_unless_told_not_to(cloak, examples, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[1" in cloak("inspect", examples / "phone.jpg", "--no-faces").out
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in cloak("inspect", examples / "phone.jpg", "--no-faces").out


def test_nothing_is_changed(cloak, examples):
    before = (examples / "phone.jpg").read_bytes()
    copy = shutil.copy(examples / "phone.jpg", examples / "copy.jpg")
    cloak("inspect", copy, "--no-faces")
    assert (examples / "copy.jpg").read_bytes() == before


def test_every_harm_has_a_colour():
    assert set(inspect_table._COLOURS) == set(inspect_table.Harm)
