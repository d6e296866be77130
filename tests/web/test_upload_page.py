"""Uploads through the server: the user's own destinations, the same ledger as `cloak upload`."""

import time
from pathlib import Path

import pytest

from cloak.image import inspect
from cloak.models import cache
from cloak.upload.ledger import Ledger, State

from .browser import QUICK
from .served import served
from .uploads import SECRET, photo

PHONE = (Path(__file__).parents[2] / "examples" / "phone.jpg").read_bytes()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A user folder of its own, with the networks that are there already."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").symlink_to(cache.folder(), target_is_directory=True)
    return home


@pytest.fixture(scope="module")
def server(home):
    (home / "config.toml").write_text(
        f'[destinations.nas]\nkind = "folder"\nexpires = "30d"\npath = "{home / "there"}"\n'
        f'[destinations.gone]\nkind = "webdav"\nurl = "https://127.0.0.1:9/dav"\nuser = "u"\n'
        f'[destinations.new]\nkind = "nothing"\n'
    )
    (home / "there").mkdir()
    with served(home / "log", "-v", command=QUICK, CLOAK_HOME=str(home)) as server:
        yield server


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def job(client):
    path = f"/v1/jobs/{client.post('/v1/jobs').json()['id']}"
    yield path
    client.delete(path)


def _protected(client, job, content):
    one = client.post(f"{job}/photos", content=content, headers={"Cloak-Filename": "Xq7-name.jpg"}).json()["id"]
    client.post(f"{job}/start", json={})
    _wait(client, job, lambda photo: photo["state"] == "done")
    return one


def _wait(client, job, true, seconds=200):
    end = time.monotonic() + seconds
    while True:
        photos = client.get(job).json()["photos"]
        if all(true(one) for one in photos):
            return photos
        assert time.monotonic() < end, photos
        time.sleep(0.1)


def _error(answer):
    return answer.status_code, answer.json()["error"]


def test_destinations_are_told_without_secrets_or_addresses(client):
    answer = client.get("/v1/destinations")
    told = {one["name"]: one for one in answer.json()}
    assert set(told) == {"gone", "nas", "new"}
    assert told["nas"] == {
        "name": "nas", "kind": "folder", "audience_default": "owner", "expires_default": "30d", "can_public": True,
        "can_link": False, "can_expire": False, "ready": True,
    }  # fmt: skip
    assert not told["new"]["ready"]
    assert "127.0.0.1" not in answer.text
    assert "there" not in answer.text


def test_a_photo_is_uploaded_once_privately_for_a_time_and_the_ledger_knows(client, job, home, monkeypatch):
    one = _protected(client, job, PHONE)
    wanted = {"destination": "nas", "expires": "12h", "alt": {one: "a woman"}}
    assert client.post(f"{job}/upload", json=wanted).status_code == 202
    (told,) = _wait(client, job, lambda photo: photo["upload"]["state"] not in {"queued", "working"})
    upload = told["upload"]
    assert (upload["state"], upload["audience"], upload["progress"]) == ("uploaded", "owner", 1.0)
    (there,) = [path for path in (home / "there").rglob("*") if path.is_file()]
    assert there.read_bytes() == client.get(f"{job}/photos/{one}/protected").content
    assert there.stat().st_mode & 0o077 == 0
    assert "Xq7" not in there.name
    assert inspect.find(there.read_bytes()) == ()
    monkeypatch.setenv("CLOAK_HOME", str(home))
    with Ledger.open() as ledger:
        (entry,) = ledger.entries(State.PLACED)
    assert (entry.id, entry.handle, entry.destination) == (upload["id"], upload["delete_handle"], "nas")
    assert 11 * 3600 < entry.expires.timestamp() - time.time() < 13 * 3600
    assert client.post(f"{job}/upload", json=wanted).status_code == 202
    (told,) = _wait(client, job, lambda photo: photo["upload"]["state"] not in {"queued", "working"})
    assert (told["upload"]["state"], told["upload"]["id"]) == ("already", entry.id)
    assert not [path for path in (home / "spool").rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_what_cannot_be_uploaded_is_said_before_anything_leaves(client, job, home):
    assert _error(client.post(f"{job}/upload", json={"destination": "nas"})) == (409, "conflict")
    _protected(client, job, photo())
    before = list((home / "there").rglob("*"))
    for wanted, expected in (
        ({"destination": "nowhere"}, (404, "not_found")),
        ({"destination": str(home / "elsewhere")}, (404, "not_found")),
        ({"destination": "../there"}, (404, "not_found")),
        ({"destination": "nas", "expires": "soon"}, (422, "destination")),
        ({"destination": "nas", "expires": "2001-01-01"}, (422, "destination")),
        ({"destination": "nas", "link": True}, (422, "destination")),
        ({"destination": "nas", "link": True, "public": True}, (409, "conflict")),
        ({"destination": "new"}, (422, "destination")),
        ({"destination": "gone"}, (422, "destination")),
        ({}, (400, "bad_request")),
    ):
        assert _error(client.post(f"{job}/upload", json=wanted)) == expected, wanted
    assert list((home / "there").rglob("*")) == before
    assert not (home / "elsewhere").exists()
    assert client.get(job).json()["photos"][0]["upload"] is None


def test_no_log_says_what_was_uploaded(server, home):
    said = server.log.read_text()
    names = [path.name for path in (home / "there").rglob("*") if path.is_file()]
    assert names
    assert not [one for one in (*names, "Xq7-name", SECRET.decode()) if one in said]
