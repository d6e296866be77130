"""A server whose decoder or reader is taken down, or that may hold little, answers each request, and the next one."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from .hostile_reader import told
from .served import served
from .uploads import photo

REFUSED = {413, 415, 422}
HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A server whose decoder and reader some photos take down, and that takes little at once."""
    code = (
        "import cloak.decoding as d; d.Decoder.__init__.__kwdefaults__.update(program='hostile_worker', seconds=4);"
        "import cloak.web.readers as r; r.Readers.__init__.__kwdefaults__.update(program='hostile_reader', seconds=6);"
        "import cloak.web.settings as s; s.Settings.__init__.__kwdefaults__.update(photos_per_job=2, jobs_at_once=3);"
        "from cloak.cli.main import main; main()"
    )
    command, path = (sys.executable, "-P", "-c", code), f"{HERE}{os.pathsep}{HERE / 'web'}"
    options = ("--jobs", "1", "--queue", "2")
    with served(tmp_path_factory.mktemp("hostile") / "log", *options, command=command, PYTHONPATH=path) as server:
        yield server


@pytest.fixture
def client(hostile):
    with hostile.client() as client:
        yield client


def test_a_photo_that_takes_its_decoder_down_is_one_failed_request(client):
    for evil in (b"segfault", b"bomb", b"exits", b"endless", b"asleep"):
        answer = client.post("/v1/protect", content=photo() + evil)
        assert answer.status_code in REFUSED, (evil, answer.text)
        assert client.post("/v1/protect", content=photo()).status_code == 200


def test_a_photo_that_takes_its_reader_down_is_one_failed_request(client):
    lie = told(b'{"error": "ResidueError"}')
    for route, evil in (
        ("strip", photo() + b"segfault"),
        ("strip", photo() + b"endless"),
        ("strip", lie),
        ("inspect", photo() + b"exits"),
        ("inspect", photo() + b"bomb"),
        ("inspect", lie),
    ):
        answer = client.post(f"/v1/{route}", content=evil)
        assert answer.status_code in REFUSED, (route, evil[-30:], answer.text)
        assert client.post(f"/v1/{route}", content=photo()).status_code == 200


def test_where_too_many_photos_are_being_looked_at_others_are_told_when_to_come_again(hostile, client):
    over, answers = threading.Event(), []

    def ask():
        with hostile.client() as other:
            while not over.wait(0.1):
                answers.append(other.post("/v1/strip", content=photo() + b"drowsy"))

    threads = [threading.Thread(target=ask) for _ in range(6)]  # two are looked at and two wait
    for thread in threads:
        thread.start()
    end = time.monotonic() + 120
    while time.monotonic() < end and not any(one.status_code == 429 for one in answers):
        assert client.get("/healthz").status_code == 200
    over.set()
    for thread in threads:
        thread.join()
    assert {one.status_code for one in answers} == {200, 429}
    refused = next(one for one in answers if one.status_code == 429)
    assert refused.json()["error"] == "busy"
    assert int(refused.headers["retry-after"]) > 0
    assert client.post("/v1/strip", content=photo()).status_code == 200


def test_a_job_has_no_more_photos_than_it_may_and_another_one_has_its_own(client):
    jobs = [f"/v1/jobs/{client.post('/v1/jobs').json()['id']}" for _ in range(2)]
    first = [client.post(f"{jobs[0]}/photos", content=photo(tint=tint)) for tint in range(3)]
    assert [answer.status_code for answer in first] == [201, 201, 413]
    assert first[2].json()["error"] == "too_many_photos"
    assert "at most 2 photos" in first[2].json()["message"]
    assert client.post(f"{jobs[1]}/photos", content=photo()).status_code == 201
    assert client.get("/v1/settings").json()["limits"]["photos_per_job"] == 2
    assert client.delete(f"{jobs[0]}/photos/{first[0].json()['id']}").status_code == 204
    assert client.post(f"{jobs[0]}/photos", content=photo()).status_code == 201
    for job in jobs:
        client.delete(job)


def test_no_more_jobs_are_held_than_may_be(client):
    jobs = [client.post("/v1/jobs") for _ in range(4)]
    assert [answer.status_code for answer in jobs] == [201, 201, 201, 429]
    assert jobs[3].json()["error"] == "busy"
    assert int(jobs[3].headers["retry-after"]) > 0
    assert client.get(f"/v1/jobs/{jobs[0].json()['id']}").status_code == 200
    client.delete(f"/v1/jobs/{jobs[0].json()['id']}")
    assert client.post("/v1/jobs").status_code == 201
