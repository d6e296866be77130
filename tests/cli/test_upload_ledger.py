"""A ledger that cannot be used: the commands say so, change nothing, and upload nothing without a row in it."""

import json
import sqlite3

import pytest

from cloak.upload import places, runs, schema
from cloak.upload.ledger import Ledger, State

from ..upload.overdue import age  # noqa: TID252 -- tests are no package to import from

pytestmark = pytest.mark.usefixtures("home")

COMMANDS = (["uploads", "list"], ["uploads", "purge"], ["uploads", "export"])


@pytest.fixture
def upload(cloak, examples, tmp_path):
    """Upload one of the examples to a folder."""
    return lambda name: cloak("upload", examples / name, "--to", tmp_path / "there", "--strip-only")


def test_while_it_is_locked_nothing_is_uploaded_and_it_is_said(upload, tmp_path, monkeypatch):
    assert upload("phone.jpg").code == 0
    monkeypatch.setattr(schema, "WAIT", 0.2)
    holder = sqlite3.connect(places.ledger(), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    done = upload("collins.png")
    holder.execute("ROLLBACK")
    holder.close()
    assert done.code == 1
    assert "locked by another program" in done.err
    assert len(list((tmp_path / "there").iterdir())) == 1
    assert upload("collins.png").code == 0


def test_what_another_run_is_uploading_is_left_to_it(cloak, upload, tmp_path):
    assert upload("phone.jpg").code == 0
    with runs.running() as other:
        with Ledger.open() as ledger:
            identity = ledger.begin(
                destination=str(tmp_path / "there"), name="a.jpg", sha256="", size=1, run=other.name, expires=None
            )
        done = cloak("uploads", "delete", identity)
        assert done.code == 3
        assert "another `cloak` is at work on 1 of them: try again later" in done.err
        with Ledger.open() as ledger:
            assert ledger.get(identity).state is State.PENDING
    assert len(list((tmp_path / "there").iterdir())) == 1


def test_uploads_at_a_destination_that_is_no_longer_set_up_stay_due_and_others_go(cloak, home, examples, tmp_path):
    home.mkdir(exist_ok=True)
    tables = {name: f'[destinations.{name}]\nkind = "folder"\npath = "{tmp_path / name}"\n' for name in ("old", "nas")}
    places.config().write_text("".join(tables.values()))
    for name in tables:
        assert cloak("upload", examples / "phone.jpg", "--to", name, "--strip-only", "--expires", "1h").code == 0
    places.config().write_text(tables["nas"])
    age(2)
    done = cloak("uploads", "purge")
    assert done.code == 3
    assert "no destination is called 'old'" in done.out + done.err
    assert [len(list((tmp_path / name).iterdir())) for name in tables] == [1, 0]
    (due,) = [one for one in json.loads(cloak("uploads", "list", "--json").out) if one["state"] == "placed"]
    assert due["destination"] == "old"
    places.config().write_text("".join(tables.values()))
    assert cloak("uploads", "purge").code == 0
    assert list((tmp_path / "old").iterdir()) == []


def test_one_of_a_newer_version_is_refused_by_every_command_and_not_changed(cloak, upload, tmp_path):
    assert upload("phone.jpg").code == 0
    with sqlite3.connect(places.ledger()) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = places.ledger().read_bytes()
    for done in (upload("collins.png"), *(cloak(*command) for command in COMMANDS)):
        assert done.code == 1
        assert "is of version 99" in done.err
        assert "pip install --upgrade" in done.err
    assert places.ledger().read_bytes() == before
    assert len(list((tmp_path / "there").iterdir())) == 1


def test_a_damaged_one_is_refused_by_every_command_and_the_way_that_it_says_leads_back(cloak, upload, tmp_path):
    for name in ("phone.jpg", "collins.png"):
        assert upload(name).code == 0
    known = {entry["id"] for entry in json.loads(cloak("uploads", "list", "--json").out)}
    data = bytearray(places.ledger().read_bytes())
    page = next(start for start in range(4096, len(data), 4096) if data[start] == 10)  # of an index
    data[page : page + 4096] = b"\xff" * 4096
    places.ledger().write_bytes(data)
    damaged = places.ledger().read_bytes()
    for done in (upload("workers.jpg"), *(cloak(*command) for command in COMMANDS)):
        assert done.code == 1
        assert "nothing was changed. 1. See what can still be read: `cloak uploads export --salvage`" in done.err
    assert places.ledger().read_bytes() == damaged
    assert len(list((tmp_path / "there").iterdir())) == 2
    salvaged = cloak("uploads", "export", "--salvage")
    assert {entry["id"] for entry in json.loads(salvaged.out)} == known
    for path in places.ledger().parent.glob(f"{places.ledger().name}*"):
        path.rename(path.with_name(f"aside-{path.name}"))
    assert upload("workers.jpg").code == 0
    assert len(json.loads(cloak("uploads", "list", "--json").out)) == 1
