"""`cloak request` as people use it."""

import stat

import pytest
from PIL import Image

from cloak.upload.destination import Audience, Placed
from cloak.upload.ledger import Ledger

ME = ("--from", "Anna Muster", "--email", "anna@example.org", "--country", "DE", "--date", "2026-11-26")


def test_a_letter_comes_out_as_text(cloak):
    result = cloak("request", "Clearview AI", *ME)
    assert result.code == 0, result.err
    assert "99 Wall Street" in result.out
    assert "by 28 December 2026" in " ".join(result.out.split())
    assert "not legal advice" in result.out


@pytest.mark.parametrize("name", ["letter.txt", "letter.pdf"])
def test_a_file_is_for_its_owner_alone_and_not_replaced_unasked(cloak, tmp_path, name):
    target = tmp_path / name
    assert cloak("request", "pimeyes", *ME, "--language", "nl", "-o", target).code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = target.read_bytes()
    again = cloak("request", "clearview", *ME, "-o", target)
    assert again.code == 1
    assert "--overwrite" in again.err
    assert target.read_bytes() == before
    assert cloak("request", "clearview", *ME, "-o", target, "--overwrite").code == 0
    assert target.read_bytes() != before


def test_a_photo_is_refused_with_the_reason(cloak, paint, tmp_path):
    photo = paint(tmp_path / "me.jpg")
    result = cloak("request", "clearview", *ME, "--photo", photo, "-o", tmp_path / "letter.txt")
    assert result.code == 2
    assert "Article 12(6)" in result.err
    assert "--photo-may-be-kept" in result.err
    assert not (tmp_path / "letter.txt").exists()


def test_a_photo_that_is_insisted_on_is_stripped_and_put_beside_the_letter(cloak, paint, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    photo = paint(tmp_path / "me.jpg", exif=exif)
    out = tmp_path / "out" / "letter.txt"
    result = cloak("request", "clearview", *ME, "--photo", photo, "--photo-may-be-kept", "-o", out)
    assert result.code == 0, result.err
    copy = out.with_name("letter-photo.jpg")
    assert b"Secret Camera" in photo.read_bytes()
    assert b"Secret Camera" not in copy.read_bytes()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "I enclose one photograph" in out.read_text("utf-8")


def test_a_photo_that_cannot_be_stripped_leaves_no_letter_behind(cloak, tmp_path):
    photo = tmp_path / "me.jpg"
    photo.write_bytes(b"\xff\xd8\xff\xe0 not much of a photo")
    out = tmp_path / "letter.txt"
    result = cloak("request", "clearview", *ME, "--photo", photo, "--photo-may-be-kept", "-o", out)
    assert result.code == 1
    assert not out.exists()


def test_an_unknown_company_is_named_as_such_and_written_to(cloak):
    result = cloak("request", "Face Corp", *ME, "--to", "Main Street 1", "--to-email", "dpo@face.example")
    assert result.code == 0
    assert "not known here" in result.err
    assert "Face Corp\nMain Street 1\nBy e-mail: dpo@face.example" in result.out


def test_what_is_missing_is_named_where_nobody_can_be_asked(cloak, monkeypatch, tmp_path):
    with (tmp_path / "empty").open("w+") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        result = cloak("request", "clearview", "--from", "Anna")
    assert result.code == 2
    assert "--email" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--country", "CH"), "laws of their own"),
        (("--from", "two\nlines"), "two\\nlines"),
        (("--email", "nowhere"), "no e-mail address"),
        (("-o", "letter.docx"), ".txt or .pdf"),
        (("--photo-may-be-kept",), "goes with --photo"),
        (("--font", "x.ttf"), "for a PDF"),
    ],
)
def test_what_makes_no_sense_is_refused(cloak, arguments, said):
    result = cloak("request", "clearview", *ME, *arguments)
    assert result.code == 2
    assert said in result.err


def note(home, audience, sha256):
    with Ledger(home / "uploads.sqlite") as ledger:
        identity = ledger.begin(destination="fedi", name="x.jpg", sha256=sha256, size=1, run="r", expires=None)
        ledger.place(identity, Placed(handle="handle-17", audience=audience))


def test_uploads_that_others_can_see_are_listed_when_asked_and_no_others(cloak, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path))
    note(tmp_path, Audience.PUBLIC, "ab" * 32)
    note(tmp_path, Audience.OWNER, "cd" * 32)
    result = cloak("request", "clearview", *ME, "--uploads")
    assert result.code == 0, result.err
    assert "ab" * 32 in result.out
    assert "cd" * 32 not in result.out
    assert "handle-17" not in result.out
    assert "ab" * 32 not in cloak("request", "clearview", *ME).out


def test_a_ledger_without_such_uploads_is_said(cloak, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path))
    result = cloak("request", "clearview", *ME, "--uploads")
    assert result.code == 2
    assert "leave --uploads out" in result.err


def test_nothing_about_the_sender_is_kept_but_the_letter(cloak, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cloak("request", "clearview", *ME, "-o", tmp_path / "letter.txt").code == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "letter.txt"]
