"""Jobs: albums in memory, from the first photo to the archive."""

import base64
import io
import json
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from cloak.image import inspect
from cloak.image.codec import decode
from cloak.image.scan import scan

from .browser import QUICK
from .served import served
from .uploads import SECRET, photo

EXAMPLES = Path(__file__).parents[2] / "examples"
WORKERS = (EXAMPLES / "workers.jpg").read_bytes()
PHONE = (EXAMPLES / "phone.jpg").read_bytes()


@pytest.fixture
def client(quick):
    with quick.client() as client:
        yield client


@pytest.fixture
def job(client):
    path = f"/v1/jobs/{client.post('/v1/jobs').json()['id']}"
    yield path
    client.delete(path)


def _add(client, job, content, name="a.jpg"):
    answer = client.post(f"{job}/photos", content=content, headers={"Cloak-Filename": name})
    assert answer.status_code == 201, answer.text
    return answer.json()


def _done(client, job, seconds=300):
    end = time.monotonic() + seconds
    while (told := client.get(job).json())["state"] == "working":
        assert time.monotonic() < end
        for one in told["photos"]:
            assert 0 <= one["progress"] <= 1
        time.sleep(0.2)
    return told


def _seen(told_by, job, seconds=300):
    """How far a job's photo was, each time it was asked for, until it was done."""
    end, seen = time.monotonic() + seconds, []
    while True:
        (one,) = (told := told_by.get(job).json())["photos"]
        seen.append(one["progress"])
        if told["state"] != "working":
            return seen
        assert time.monotonic() < end
        time.sleep(0.1)


def _error(answer):
    assert set(answer.json()) == {"error", "message"}
    return answer.status_code, answer.json()["error"]


def test_a_job_goes_from_photos_to_an_archive_and_can_be_done_again_in_another_way(client, job):
    first, second = _add(client, job, WORKERS, "team.jpg"), _add(client, job, PHONE, "%C3%A4.jpg")
    assert (first["state"], first["bytes"], len(first["inspection"]["faces"])) == ("ready", len(WORKERS), 3)
    assert second["name"] == "ä.jpg"
    assert client.get(job).json()["state"] == "open"
    photos = {first["id"]: {"faces": {"0": "blur", "2": "leave"}}, second["id"]: {"faces": {}}}
    started = client.post(f"{job}/start", json={"strength": "subtle", "format": None, "photos": photos})
    assert started.status_code == 202
    assert started.json()["state"] == "working"
    assert started.json()["seconds_left"] > 0
    assert _error(client.post(f"{job}/start", json={})) == (409, "conflict")
    told = _done(client, job)
    assert [one["state"] for one in told["photos"]] == ["done", "done"]
    outcome = told["photos"][0]["outcome"]
    assert (outcome["found"], outcome["blurred"], outcome["left"]) == (1, 1, ["you chose so"])
    answer = client.get(f"{job}/photos/{second['id']}/protected")
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''%C3%A4.jpg")
    assert inspect.find(answer.content) == ()
    archive = client.get(f"{job}/archive")
    inside = zipfile.ZipFile(io.BytesIO(archive.content))
    assert inside.testzip() is None
    assert inside.namelist() == ["team.jpg", "ä.jpg"]
    assert {(one.date_time, one.compress_type) for one in inside.infolist()} == {((1980, 1, 1, 0, 0, 0), 0)}
    assert inside.read("ä.jpg") == answer.content
    again = {"strength": "strong", "format": "png", "names": "random", "photos": {second["id"]: {"faces": {}}}}
    assert client.post(f"{job}/start", json=again).status_code == 202
    told = _done(client, job)
    assert [one["state"] for one in told["photos"]] == ["done", "done"]
    other = client.get(f"{job}/photos/{second['id']}/protected")
    assert other.headers["content-type"] == "image/png"
    assert "%C3%A4" not in other.headers["content-disposition"]
    assert other.content != answer.content


def test_pictures_and_faces_are_made_anew_for_display(client, job):
    one = _add(client, job, PHONE)
    path = f"{job}/photos/{one['id']}"
    shown = client.get(f"{path}/picture?side=200")
    assert shown.headers["content-type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(shown.content)).size) == 200
    scan(shown.content)
    face = client.get(f"{path}/faces/0")
    scan(face.content)
    x0, y0, x1, y1 = one["inspection"]["faces"][0]["box"]
    size = Image.open(io.BytesIO(face.content)).size
    assert abs(size[0] - 1.25 * (x1 - x0)) < 3
    assert abs(size[1] - 1.25 * (y1 - y0)) < 3
    assert _error(client.get(f"{path}/faces/1")) == (404, "not_found")
    assert _error(client.get(f"{path}/faces/0?which=protected")) == (409, "conflict")
    assert _error(client.get(f"{path}/picture?side=100000")) == (400, "bad_request")
    assert _error(client.get(f"{path}/protected")) == (409, "conflict")
    assert _error(client.get(f"{job}/archive")) == (409, "conflict")


def test_a_heic_is_shown_as_a_jpeg(client, job):
    file = io.BytesIO()
    import pillow_heif  # noqa: PLC0415 -- for this test alone

    pillow_heif.from_pillow(Image.open(io.BytesIO(PHONE)).convert("RGB")).save(file, quality=90)
    one = _add(client, job, file.getvalue(), "a.heic")
    assert one["inspection"]["container"] == "heic"
    assert client.get(f"{job}/photos/{one['id']}/picture").content[:3] == b"\xff\xd8\xff"


def test_a_preview_is_what_the_run_would_do_to_that_face_and_nothing_is_kept(client, job):
    one = _add(client, job, WORKERS)
    path = f"{job}/photos/{one['id']}"
    made = client.post(f"{path}/preview", json={"strength": "balanced", "face": 1}).json()
    before, after = (decode(base64.b64decode(made[which])).pixels.float() for which in ("before", "after"))
    assert before.shape == after.shape
    assert (after - before).abs().mean() > 0.5
    assert (made["outcome"]["found"], len(made["outcome"]["left"])) == (1, 2)
    assert made["seconds"] > 0
    assert client.get(job).json()["photos"][0]["state"] == "ready"
    assert base64.b64decode(made["before"]) == client.get(f"{path}/faces/1").content
    assert _error(client.post(f"{path}/preview", json={"face": 9})) == (404, "not_found")
    assert _error(client.post(f"{path}/preview", json={"face": -1})) == (400, "bad_request")


def test_a_run_writes_what_the_preview_showed_and_says_how_far_it_is(client, job):
    one = _add(client, job, WORKERS)
    path = f"{job}/photos/{one['id']}"
    made = client.post(f"{path}/preview", json={"strength": "strong", "face": 1}).json()
    before, promised = (decode(base64.b64decode(made[which])).pixels.float() for which in ("before", "after"))
    photos = {one["id"]: {"faces": {"0": "leave", "2": "leave"}}}
    assert client.post(f"{job}/start", json={"strength": "strong", "photos": photos}).status_code == 202
    seen = _seen(client, job)
    assert any(0 < far < 1 for far in seen)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    written = decode(client.get(f"{path}/faces/1?which=protected").content).pixels.float()
    assert (written - before).abs().mean() > 0.5
    assert (written - promised).abs().mean() < 0.05 * (written - before).abs().mean()


def test_what_is_wrong_with_a_start_is_said_before_anything_begins(client, job):
    assert _error(client.post(f"{job}/start", json={})) == (409, "conflict")
    one = _add(client, job, PHONE)
    for photos, expected in (
        ({"f" * 32: {}}, (404, "not_found")),
        ({one["id"]: {"faces": {"5": "blur"}}}, (422, "face_choice")),
        ({one["id"]: {"faces": {"x": "blur"}}}, (400, "bad_request")),
        ({one["id"]: {"faces": {"0": "hide"}}}, (400, "bad_request")),
        ({}, (409, "conflict")),
    ):
        assert _error(client.post(f"{job}/start", json={"photos": photos})) == expected
    assert _error(client.post(f"{job}/start", json={"strength": "much"})) == (400, "bad_request")
    assert _error(client.post(f"{job}/start", content=b"x" * 2**21)) == (413, "too_large")
    assert client.get(job).json()["state"] == "open"


def test_photos_that_cannot_be_are_not_held(client, job):
    assert _error(client.post(f"{job}/photos", content=b"hello")) == (422, "unreadable")
    assert _error(client.post(f"{job}/photos", content=b"GIF89a")) == (415, "unsupported")
    assert client.get(job).json()["photos"] == []
    assert "\ncloak_held_bytes 0\n" in client.get("/metrics").text


def test_a_photo_without_a_face_can_be_made_to_fail_and_says_why(client, job):
    _add(client, job, photo())
    client.post(f"{job}/start", json={"no_face": "fail"})
    (one,) = _done(client, job)["photos"]
    assert (one["state"], one["outcome"]["status"], one["outcome"]["error"]) == ("failed", "failed", "no_face")
    client.post(f"{job}/start", json={})
    (one,) = _done(client, job)["photos"]
    assert (one["state"], one["outcome"]["status"]) == ("done", "stripped")


def test_two_photos_of_one_name_have_two_names_in_the_archive(client, job):
    for _ in range(2):
        _add(client, job, photo("PNG"), "a.JPG")
    client.post(f"{job}/start", json={})
    _done(client, job)
    assert zipfile.ZipFile(io.BytesIO(client.get(f"{job}/archive").content)).namelist() == ["a.png", "a-2.png"]


def test_a_photo_or_a_job_that_is_deleted_is_forgotten_and_its_work_stopped(client):
    job = f"/v1/jobs/{client.post('/v1/jobs').json()['id']}"
    ids = [_add(client, job, WORKERS)["id"] for _ in range(3)]
    client.post(f"{job}/start", json={})
    assert client.delete(f"{job}/photos/{ids[0]}").status_code == 204
    assert _error(client.get(f"{job}/photos/{ids[0]}/protected")) == (404, "not_found")
    assert client.delete(job).status_code == 204
    for path in (job, f"{job}/archive", f"{job}/photos/{ids[1]}/picture"):
        assert _error(client.get(path)) == (404, "not_found")
    assert _error(client.delete(job)) == (404, "not_found")
    text = client.get("/metrics").text
    assert "\ncloak_held_bytes 0\n" in text
    assert "\ncloak_jobs 0\n" in text
    begun = time.monotonic()
    assert client.post("/v1/protect", content=photo()).status_code == 200
    assert time.monotonic() - begun < 60


def test_a_job_that_nobody_asks_for_expires_and_one_that_is_asked_for_does_not(tmp_path):
    with served(tmp_path / "log", "--keep", "3s", command=QUICK) as server, server.client() as client:
        jobs = [f"/v1/jobs/{client.post('/v1/jobs').json()['id']}" for _ in range(2)]
        for job in jobs:
            _add(client, job, photo())
        for _ in range(16):
            time.sleep(0.5)
            assert client.get(jobs[0]).status_code == 200
            assert client.get("/healthz").status_code == 200
        assert client.get(jobs[1]).status_code == 404
        time.sleep(6)
        assert client.get(jobs[0]).status_code == 404
        assert "\ncloak_held_bytes 0\n" in client.get("/metrics").text


def test_an_album_larger_than_a_call_is_done_and_others_are_served_meanwhile(client, job):
    for number in range(20):
        _add(client, job, photo("PNG", size=(40 + number, 30)), f"{number}.png")
    _add(client, job, WORKERS, "faces.jpg")
    client.post(f"{job}/start", json={})
    assert client.post("/v1/protect", content=photo()).status_code == 200
    told = _done(client, job)
    assert {one["state"] for one in told["photos"]} == {"done"}
    inside = zipfile.ZipFile(io.BytesIO(client.get(f"{job}/archive").content))
    for number in range(20):
        data = inside.read(f"{number}.png")
        assert Image.open(io.BytesIO(data)).size == (40 + number, 30)
        assert SECRET not in data


def test_a_result_for_which_there_is_no_room_fails_and_says_so(tmp_path):
    large = photo("PNG", size=(1200, 900))
    limit = str(len(large) + 1000)
    with served(tmp_path / "log", "--max-memory", limit, command=QUICK) as server, server.client() as client:
        job = f"/v1/jobs/{client.post('/v1/jobs').json()['id']}"
        _add(client, job, large)
        client.post(f"{job}/start", json={})
        (one,) = _done(client, job)["photos"]
        assert (one["state"], one["outcome"]["error"]) == ("failed", "memory_full")


def test_names_that_clients_send_say_no_more_than_a_name(client, job):
    told = _add(client, job, photo(), "..%2F..%2Fetc%2Fpa%0Ass%22wd.jpg")
    assert told["name"] == 'pass"wd.jpg'
    client.post(f"{job}/start", json={})
    _done(client, job)
    header = client.get(f"{job}/photos/{told['id']}/protected").headers["content-disposition"]
    assert header == "attachment; filename=\"pass_wd.jpg\"; filename*=UTF-8''pass_wd.jpg"
    assert json.dumps(told)
