"""`cloak protect --protect me`, and `cloak me`, as people use them."""

import json
import os
import subprocess
import sys

import keyring
import keyring.backends.fail
import pytest

from cloak import vault
from cloak.image.codec import decode

pytestmark = pytest.mark.usefixtures("home")


def _dry(cloak, examples, *options) -> tuple[dict, str]:
    """Ask what would be done with workers.jpg: the photo's part of the document, and what was said."""
    result = cloak("protect", examples / "workers.jpg", "-o", "out", "--dry-run", "--json", *options)
    assert result.code == 0, result.err
    return json.loads(result.out)["photos"][0], result.err


def test_reference_photos_are_needed_once(cloak, ring, examples, people, tmp_path):
    mine = people / "worker-b"
    out = tmp_path / "out"
    photo = examples / "collins.png"
    result = cloak("protect", photo, "-o", out, "--protect", "me", "--me", mine, "--bystanders", "blur", "-v")
    assert result.code == 0
    assert "Learned from 3 reference photos; next time, --protect me needs no --me" in result.err
    assert ": 0 faces; 1 blurred" in result.out
    assert "0 faces cloaked, 1 blurred, 0 left as they are." in result.out
    before, after = (decode((folder / "collins.png").read_bytes()).pixels for folder in (examples, out))
    assert 0 < (before != after).any(0).float().mean() < 0.2
    done, said = _dry(cloak, examples, "--protect", "me")
    assert (done["faces_found"], done["faces_left"]) == (2, ["somebody else"])
    assert "Learned" not in said
    assert len(ring.kept) == 1


def test_what_is_kept_can_be_shown_and_forgotten(cloak, ring, paint, people, tmp_path):
    assert "No reference photos are kept" in cloak("me", "show").out
    assert json.loads(cloak("me", "show", "--json").out)["kept"] is None
    paint(tmp_path / "a.png")
    learn = ("protect", tmp_path / "a.png", "-o", tmp_path / "out", "--protect", "except", "--me", people / "hopper")
    assert cloak(*learn).code == 0
    shown = cloak("me", "show").out
    assert shown.startswith("3 reference photos, added on 20")
    assert "Recogniser: sface-" in shown
    assert "the key is in the system's keyring" in shown
    told = json.loads(cloak("me", "show", "--json").out)
    assert (told["kept"]["photos"], told["usable"], told["path"]) == (3, True, str(vault.path()))
    assert "in place of those kept before" in cloak(*learn, "--overwrite").err
    assert "forgotten" in cloak("me", "forget").out
    assert not vault.path().exists()
    assert ring.kept == {}
    assert "No reference photos were kept" in cloak("me", "forget").out


def test_a_dry_run_keeps_nothing(cloak, ring, examples, people):
    done, said = _dry(cloak, examples, "--protect", "except", "--me", people / "worker-a")
    assert (done["faces_found"], done["faces_left"], done["faces_uncertain"]) == (2, ["the person to leave out"], 1)
    assert said == ""
    assert not vault.path().exists()
    assert ring.kept == {}


@pytest.mark.usefixtures("ring")
def test_without_a_keyring_the_photos_are_used_and_not_kept_and_that_is_said(cloak, paint, people, tmp_path):
    keyring.set_keyring(keyring.backends.fail.Keyring())
    paint(tmp_path / "a.png")
    run = ("protect", tmp_path / "a.png", "-o", tmp_path / "out", "--protect", "me")
    result = cloak(*run, "--me", people / "collins")
    assert result.code == 0
    assert result.err.count("this system has no keyring for the key: give --me FOLDER each time") == 1
    assert not vault.path().exists()
    assert cloak(*run, "--overwrite").code == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--protect", "me"], "no reference photos are kept: name a folder"),
        (["--protect", "except"], "no reference photos are kept: name a folder"),
        (["--me", "{people}/collins"], "--protect all does not ask: add --protect me"),
        (["--protect", "me", "--me", "{people}"], "and reference photos must show one: take out "),
        (["--protect", "me", "--me", "{people}/nobody"], "no such file or folder"),
        (["--protect", "me", "--faces", "largest"], "leave one of them out"),
        (["--bystanders", "blur"], "all are"),
    ],
)
@pytest.mark.usefixtures("ring")
def test_what_makes_no_sense_is_refused_with_what_to_do(cloak, people, tmp_path, options, reason):
    options = [option.replace("{people}", str(people)) for option in options]
    result = cloak("protect", people / "hopper", "-o", tmp_path / "out", *options)
    assert (result.code, result.out) == (2, "")
    assert reason in result.err
    assert not list(tmp_path.glob("out/*"))
    assert not vault.path().exists()


@pytest.mark.usefixtures("ring")
def test_a_damaged_file_is_an_error_that_says_how_to_start_again(cloak, paint, tmp_path):
    paint(tmp_path / "a.png")
    vault.path().parent.mkdir()
    vault.path().write_bytes(b"cloak me, please, and do not look at what this file says")
    for arguments in (("protect", tmp_path / "a.png", "-o", tmp_path / "out", "--protect", "me"), ("me", "show")):
        result = cloak(*arguments)
        assert result.code == 1
        assert "start again with `--me FOLDER`, or remove them with `cloak me forget`" in result.err
    assert cloak("me", "forget").code == 0


def test_help_and_show_do_not_load_pytorch():
    script = (
        "import sys; sys.argv = ['cloak', *sys.argv[1:]]\n"
        "from cloak.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print([name for name in ('torch', 'PIL', 'keyring') if name in sys.modules])\n"
    )
    for arguments in (["me", "--help"], ["me", "forget", "--help"], ["protect", "--help"], ["me", "show"]):
        command = [sys.executable, "-c", script, *arguments]
        result = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ.copy())
        assert result.stdout.endswith("[]\n")
