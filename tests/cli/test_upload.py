"""`cloak upload` and `cloak uploads`, as people use them."""

import json
import os
import subprocess
import sys

import pytest

from cloak.upload import places
from cloak.upload.ledger import Ledger, State

from ..upload.overdue import age  # noqa: TID252 -- tests are no package to import from

SECRET = "correct-horse-battery"  # noqa: S105
pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there"


def _upload(cloak, paths, there, *options):
    return cloak("upload", paths, "--to", there, "--strip-only", *options)


def test_a_photo_is_protected_uploaded_listed_and_deleted(cloak, examples, there):
    result = cloak("upload", examples / "collins.png", "--to", there, "--strength", "subtle", "--note", "the suit")
    assert result.code == 0, result.err
    assert "1 face cloaked; only you can see it; delete: cloak uploads delete " in result.out
    assert "What others copied or saved stays copied" in result.out
    (file,) = there.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() != (examples / "collins.png").read_bytes()
    assert "collins" not in file.name
    assert list(places.spool().iterdir()) == []
    (entry,) = json.loads(cloak("uploads", "list", "--json").out)
    assert entry["name"] == file.name
    assert "only you can see it; the suit" in cloak("uploads", "list").out
    assert "The destination says: only you can see it." in cloak("uploads", "show", entry["id"][:6]).out
    assert cloak("uploads", "delete", entry["id"]).code == 0
    assert list(there.iterdir()) == []
    assert cloak("uploads", "list").out == "Nothing is up.\n"
    (proof,) = json.loads(cloak("uploads", "export").out)
    assert (proof["state"], proof["sha256"], proof["name"]) == ("deleted", entry["sha256"], None)
    assert "was gone before" in cloak("uploads", "delete", entry["id"]).err


def test_what_is_due_is_purged_and_nothing_else(cloak, examples, there):
    _upload(cloak, examples / "collins.png", there, "--expires", "1h")
    _upload(cloak, examples / "phone.jpg", there, "--expires", "1d")
    age(2)
    assert len(json.loads(cloak("uploads", "purge", "--dry-run", "--json").out)) == 1
    assert ["OVERDUE" in line for line in cloak("uploads", "list").out.splitlines()] == [True, False]
    assert cloak("uploads", "purge").out.startswith("deleted: ")
    assert len(list(there.iterdir())) == 1
    assert cloak("uploads", "purge", "-q").out == ""


def test_what_cannot_be_purged_stays_due_and_is_said(cloak, examples, there):
    _upload(cloak, examples / "collins.png", there, "--expires", "1h")
    there.rename(there.with_name("unplugged"))
    age(2)
    for _ in range(2):
        result = cloak("uploads", "purge", "-q")
        assert result.code == 3
        assert "is the disk that it is on connected" in result.err
    assert "COULD NOT BE DELETED" in cloak("uploads", "list").out
    there.with_name("unplugged").rename(there)
    assert cloak("uploads", "purge").code == 0
    assert list(there.iterdir()) == []


def test_what_is_at_a_place_that_will_never_be_back_can_be_forgotten(cloak, examples, there):
    assert _upload(cloak, examples / "phone.jpg", there, "--expires", "1h").code == 0
    (file,) = there.iterdir()
    (entry,) = json.loads(cloak("uploads", "list", "--json").out)
    result = cloak("uploads", "forget", entry["id"], "--yes")
    assert (result.code, result.out.startswith("forgotten, not deleted")) == (0, True)
    assert file.exists()
    assert json.loads(cloak("uploads", "export").out) == []
    age(2)
    assert cloak("uploads", "purge").code == 0


def test_two_purges_at_once_delete_and_report_each_upload_once(cloak, paint, there, tmp_path):
    for number in range(12):
        paint(tmp_path / "in" / f"{number}.png", width=40 + number)
    assert _upload(cloak, tmp_path / "in", there, "--expires", "1h").code == 0
    age(2)
    command = [sys.executable, "-m", "cloak.cli.main", "uploads", "purge"]
    both = [subprocess.Popen(command, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    lines = [line for out, _ in said for line in out.splitlines()]
    assert len(lines) == len(set(lines)) == 12
    assert list(there.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [2, 9])
def test_an_upload_that_is_interrupted_or_killed_leaves_nothing_after_the_next_purge(
    paint, there, tmp_path, cloak, number
):
    for index in range(200):
        paint(tmp_path / "in" / f"{index:03}.png", width=200 + index, height=200)
    options = ["--to", there, "--strip-only"]
    command = [sys.executable, "-u", "-m", "cloak.cli.main", "upload", tmp_path / "in", *options]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("uploaded: ")
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == (1 if number == 2 else -9), errors
    assert cloak("uploads", "purge").code == 0
    assert list(places.spool().iterdir()) == []
    with Ledger.open() as ledger:
        assert ledger.entries(State.PENDING) == []
        assert {entry.name for entry in ledger.entries()} == {path.name for path in there.iterdir()}
        assert 1 <= len(ledger.entries()) < 200


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--to", "nas"], (2, "no destination is called 'nas', none is set up yet: run `cloak upload setup nas`")),
        (["--to", "{there}", "--link"], (1, "cannot keep an upload to link: it has --private, --public")),
        (["--to", "{there}", "--expires", "2001-01-01"], (2, "is in the past")),
        (["--to", "{there}", "--expires", "soon"], (2, "write 30d, 12h, 2w")),
        (["--to", "{there}", "--strip-only", "--strength", "subtle"], (2, "leave out --strength")),
        (["--to", "{there}", "--link", "--quiet"], (2, "would keep the link and its password from you")),
        (["--to", "{there}", "--alt", "a cat"], (2, "--alt describes one photo")),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(cloak, examples, there, options, problem):
    result = cloak("upload", examples, *(option.replace("{there}", str(there)) for option in options))
    code, reason = problem
    assert (result.code, result.out) == (code, "")
    assert reason in result.err
    assert not there.exists() or list(there.iterdir()) == []


def test_a_dry_run_uploads_nothing(cloak, examples, there):
    result = _upload(cloak, examples, there, "--dry-run")
    assert result.code == 0
    assert "Nothing was uploaded. 3 photos would be; only you can see it, at most" in result.out
    assert not there.exists()
    assert cloak("uploads", "list").out == "Nothing is up.\n"


def test_one_that_cannot_be_read_does_not_stop_the_others(cloak, examples, there):
    (examples / "broken.jpg").write_bytes(b"no photo")
    result = _upload(cloak, examples, there, "--json")
    assert result.code == 3
    told = json.loads(result.out)
    assert sorted(one["status"] for one in told["photos"]) == ["failed", "uploaded", "uploaded", "uploaded"]
    assert len(list(there.iterdir())) == 3


def test_a_file_called_setup_can_be_uploaded_and_both_have_help(cloak, paint, there, tmp_path, monkeypatch):
    paint(tmp_path / "setup", format="PNG")
    monkeypatch.chdir(tmp_path)
    assert _upload(cloak, "./setup", there).code == 0
    assert len(list(there.iterdir())) == 1
    assert "setup DEST" in cloak("upload", "--help").out
    assert "cloak upload setup [OPTIONS] DEST" in cloak("upload", "setup", "--help").out


def _setup(arguments, answers):
    command = [sys.executable, "-m", "cloak.cli.main", "upload", "setup", *arguments]
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    return subprocess.run(command, input=answers, capture_output=True, text=True, check=False, env=environment)


def test_what_is_set_up_once_is_the_default_of_later_uploads(cloak, examples, there):
    result = _setup(["mine", "--kind", "folder"], f"{there}\n7d\n")
    assert result.returncode == 0, result.stderr
    assert places.config().stat().st_mode & 0o777 == 0o600
    assert _upload(cloak, examples / "collins.png", "mine").code == 0
    with Ledger.open() as ledger:
        (entry,) = ledger.entries()
    assert 6.9 < (entry.expires - entry.placed).total_seconds() / 86400 < 7.1
    assert entry.destination == "mine"


def test_where_there_is_no_keyring_setup_names_the_variable_and_keeps_no_secret():
    answers = "https://example.invalid/dav\nanna\n30d\n\n"
    done = _setup(["nas", "--kind", "webdav"], answers)
    assert done.returncode == 0, done.stderr
    assert "set CLOAK_NAS_PASSWORD before you upload" in done.stderr
    assert "assword" not in places.config().read_text()


def test_an_address_with_a_password_in_it_is_refused_and_not_kept():
    done = _setup(["nas", "--kind", "webdav"], f"https://anna:{SECRET}@example.invalid/dav\nanna\n30d\n\n")
    assert done.returncode == 1, done.stderr
    assert "must not hold a user or a password" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert not places.config().exists()


def test_a_secret_is_in_no_file_no_output_and_no_traceback(cloak, examples, monkeypatch, home, ring):
    answers = iter(["https://127.0.0.1:9/dav", "anna", "30d", SECRET])
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    said = [cloak("upload", "setup", "nas", "--kind", "webdav", "--no-check")]
    assert said[0].code == 0, said[0].err
    assert SECRET in ring.kept.values()
    said.append(_upload(cloak, examples / "collins.png", "nas"))
    assert said[1].code == 1
    with Ledger.open() as ledger:
        ledger.begin(destination="nas", name="a.jpg", sha256="", size=0, run="dead", expires=None)
        said.append(cloak("uploads", "purge"))
        assert said[2].code == 3
        files = [path for path in home.rglob("*") if path.is_file() and "models" not in path.parts]
        assert {"config.toml", "uploads.sqlite", "uploads.sqlite-wal"} <= {path.name for path in files}
        assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert SECRET not in "".join(one.out + one.err for one in said)
    code = (
        "from cloak.upload.credentials import Credentials\nfrom cloak.upload.destinations import load\n"
        "from cloak.upload.destination import Wish\n"
        "place = load('webdav').open({'url': 'https://127.0.0.1:9/dav', 'user': 'anna'}, Credentials('nas'))\n"
        "print(repr(place), vars(place) if hasattr(place, '__dict__') else '')\nplace.check(Wish())\n"
    )
    environment = {**os.environ, "CLOAK_NAS_PASSWORD": SECRET}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert "Traceback" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_help_list_and_purge_do_not_load_pytorch():
    script = (
        "import sys; sys.argv = ['cloak', *sys.argv[1:]]\n"
        "from cloak.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print([name for name in ('torch', 'PIL') if name in sys.modules])\n"
    )
    for arguments in (["upload", "--help"], ["uploads", "--help"], ["uploads", "list"], ["uploads", "purge"]):
        command = [sys.executable, "-c", script, *arguments]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        assert result.stdout.endswith("[]\n"), arguments
