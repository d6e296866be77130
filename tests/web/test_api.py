"""The HTTP API for platforms: one photo, one request."""

import io
import json
import threading
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image

from cloak.cloaker import Cloaker
from cloak.config import ProtectConfig
from cloak.image import inspect
from cloak.image.codec import decode
from cloak.image.scan import scan
from cloak.image.strip import strip_bytes

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


def _error(answer):
    told = answer.json()
    assert set(told) == {"error", "message"}
    return answer.status_code, told["error"]


def test_a_photo_comes_back_protected_with_its_verdict(client):
    answer = client.post("/v1/protect?strength=subtle", content=PHONE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    scan(answer.content)
    assert inspect.find(answer.content) == ()
    outcome = json.loads(answer.headers["cloak-outcome"])
    assert (outcome["status"], outcome["found"], outcome["left"]) == ("protected", 1, [])
    assert "GPS position" in outcome["removed"]
    (face,) = outcome["faces"]
    assert 0 <= face["unmatched_elsewhere"] <= 1
    assert face["scores"][-1]["witness"]
    before, after = (decode(data).pixels.float() for data in (PHONE, answer.content))
    x0, y0, x1, y1 = map(int, face["box"])
    assert (after - before).abs()[:, y0:y1, x0:x1].mean() > 1


def test_each_face_is_treated_as_was_chosen_for_it(client):
    answer = client.post("/v1/protect?faces=0:blur,2:leave", content=WORKERS)
    outcome = json.loads(answer.headers["cloak-outcome"])
    assert (outcome["found"], outcome["blurred"], outcome["left"]) == (1, 1, ["you chose so"])
    faces = Cloaker(ProtectConfig(device="cpu")).detect([decode(WORKERS)])[0]
    before, after = (decode(data).pixels.float() for data in (WORKERS, answer.content))
    changes = [(after - before).abs()[:, y0:y1, x0:x1].mean() for x0, y0, x1, y1 in (map(int, f.box) for f in faces)]
    blurred, cloaked, left = (float(change) for change in changes)
    assert blurred > 2 * cloaked > 2 * left


@pytest.mark.parametrize(("wanted", "kind"), [("png", "PNG"), ("webp", "WEBP"), ("keep", "TIFF")])
def test_the_format_is_that_of_the_photo_or_what_was_asked_for(client, wanted, kind):
    answer = client.post(f"/v1/protect?format={wanted}", content=photo("TIFF"))
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    assert Image.open(io.BytesIO(answer.content)).format == kind


@pytest.mark.parametrize(
    ("query", "content", "status", "code"),
    [
        ("strength=9", PHONE, 400, "bad_request"),
        ("format=bmp", PHONE, 400, "bad_request"),
        ("faces=0:hide", PHONE, 400, "bad_request"),
        ("faces=0:blur,0:leave", PHONE, 422, "face_choice"),
        ("faces=7:blur", PHONE, 422, "face_choice"),
        ("no_face=fail", None, 422, "no_face"),
        ("", b"", 422, "unreadable"),
        ("", b"GIF89a", 415, "unsupported"),
        ("", b"hello", 422, "unreadable"),
        ("", PHONE[:20000], 422, "unreadable"),
    ],
)
def test_what_cannot_be_protected_is_refused_with_a_code_and_a_reason(client, query, content, status, code):
    content = photo() if content is None else content
    assert _error(client.post(f"/v1/protect?{query}", content=content)) == (status, code)


def test_stripping_copies_the_coded_picture_as_the_command_does(client):
    answer = client.post("/v1/strip", content=PHONE)
    assert answer.status_code == 200
    assert answer.content == strip_bytes(PHONE)
    assert "GPS position" in json.loads(answer.headers["cloak-removed"])
    assert _error(client.post("/v1/strip", content=b"hello")) == (422, "unreadable")


def test_an_inspection_says_what_the_file_gives_away_and_where_faces_are(client):
    told = client.post("/v1/inspect", content=PHONE, headers={"Cloak-Filename": "IMG_20240131_101112.jpg"}).json()
    assert {"where", "when", "device", "name"} <= set(told["harms"])
    assert "path" not in told
    (face,) = told["faces"]
    assert face["index"] == 0
    assert face["large"]
    assert (told["width"], told["height"]) == (512, 600)
    assert any(one["harm"] == "name" and "2024" in one["value"] for one in told["findings"])


def test_what_cannot_be_decoded_is_inspected_all_the_same(client):
    file = io.BytesIO()
    Image.new("RGB", (20, 20)).save(file, "GIF", comment=SECRET)
    told = client.post("/v1/inspect", content=file.getvalue()).json()
    assert told["container"] == "gif"
    assert told["width"] is None
    assert told["faces"] == []
    assert any(reason.startswith("faces:") for reason in told["not_looked_for"])
    assert any(SECRET.decode() in (one["value"] or "") for one in told["findings"])


def test_a_name_that_is_not_encoded_is_refused(client):
    answer = client.post("/v1/inspect", content=PHONE, headers={"Cloak-Filename": "ä.jpg".encode()})
    assert _error(answer) == (400, "bad_request")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/v1/jobs/a", {"GET", "DELETE"}), ("GET", "/v1/protect", {"POST"}), ("POST", "/healthz", {"GET"})],
)
def test_what_cannot_be_done_at_a_path_says_what_can(client, method, path, allowed):
    answer = client.request(method, path)
    assert _error(answer) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_limits_and_choices_are_told(client):
    told = client.get("/v1/settings").json()
    assert [one["name"] for one in told["strengths"]] == ["subtle", "balanced", "strong"]
    assert sum(one["default"] for one in told["strengths"]) == 1
    assert told["limits"] == {
        "bytes": 64 * 2**20, "pixels": 64 * 2**20, "faces": 64, "photos_per_job": 500, "keep_seconds": 1800,
    }  # fmt: skip


def test_what_was_done_is_counted_and_nothing_of_it_told(client):
    client.post("/v1/strip", content=photo(), headers={"Cloak-Filename": "Xq9.jpg"})
    client.get("/v1/jobs/Xq9")
    text = client.get("/metrics").text
    assert 'cloak_requests_total{method="POST",route="/v1/strip",status="200"}' in text
    assert 'cloak_request_seconds_bucket{route="/v1/strip",le="+Inf"}' in text
    assert 'cloak_photos_total{status="stripped"}' in text
    assert "\ncloak_held_bytes 0\n" in text
    assert "\ncloak_queue_length 0\n" in text
    assert "Xq9" not in text


def test_a_full_queue_says_when_to_come_again_and_the_others_are_served(tmp_path):
    with served(tmp_path / "log", "--queue", "2", command=QUICK) as server:
        answers = []

        def ask():
            with server.client() as client:
                answers.append(client.post("/v1/protect", content=WORKERS))

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kinds = {answer.status_code for answer in answers}
        assert kinds == {200, 429}
        for answer in answers:
            if answer.status_code == 429:
                assert _error(answer) == (429, "busy")
                assert 1 <= int(answer.headers["retry-after"]) <= 300
            else:
                scan(answer.content)


def test_a_client_that_leaves_gives_up_its_place_and_its_work_is_stopped(tmp_path):
    with served(tmp_path / "log", "-v") as server, server.client() as client:  # the real, long search
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/protect?strength=strong", content=WORKERS, timeout=4)
        begun = time.monotonic()
        assert client.post("/v1/strip", content=photo()).status_code == 200
        # Its three faces would take much longer than this photo, which is behind them in the queue.
        assert client.post("/v1/protect?no_face=strip&format=png", content=photo()).status_code == 200
        _until(lambda: "\ncloak_queue_length 0\n" in client.get("/metrics").text)
        assert "499" in server.log.read_text()
        assert "\ncloak_held_bytes 0\n" in client.get("/metrics").text
        assert time.monotonic() - begun < 60


def test_a_photo_that_takes_too_long_is_given_up_and_the_next_is_served(tmp_path):
    with served(tmp_path / "log", "--max-seconds", "2") as server, server.client() as client:
        answer = client.post("/v1/protect?strength=strong", content=WORKERS)
        assert _error(answer) == (503, "timeout")
        assert int(answer.headers["retry-after"]) > 0
        assert client.post("/v1/strip", content=photo()).status_code == 200


def test_more_faces_than_there_may_be_are_refused(tmp_path):
    with served(tmp_path / "log", "--max-faces", "2", command=QUICK) as server, server.client() as client:
        assert _error(client.post("/v1/protect", content=WORKERS)) == (413, "too_many_faces")
        job = client.post("/v1/jobs").json()["id"]
        assert _error(client.post(f"/v1/jobs/{job}/photos", content=WORKERS)) == (413, "too_many_faces")
        assert client.post("/v1/protect", content=PHONE).status_code == 200


def test_many_clients_at_once_get_each_their_own_photo(quick):
    wrong = []

    def ask(number):
        size = (40 + number, 30 + 2 * number)
        with quick.client() as client:
            for route in ("protect?format=png", "strip", "protect?format=png"):
                answer = client.post(f"/v1/{route}", content=photo("PNG", size=size))
                while answer.status_code == 429:
                    time.sleep(0.2)
                    answer = client.post(f"/v1/{route}", content=photo("PNG", size=size))
                if answer.status_code != 200 or Image.open(io.BytesIO(answer.content)).size != size:
                    wrong.append((number, route, answer.status_code))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
