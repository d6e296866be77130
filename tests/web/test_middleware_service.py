"""A service that protects for the middleware: what it does not prove to have done, the application does not get."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cloak.errors import UsageError
from cloak.image.codec import decode, encode
from cloak.image.scan import scan
from cloak.image.strip.bare import strip
from cloak.web.engine import Engine
from cloak.web.middleware import OUTCOMES, ProtectUploads
from cloak.web.protectors import Service
from cloak.web.settings import Settings

from .served import served
from .uploads import SECRET, TYPE, Application, field, file_part, form, photo, visiting

EXAMPLES = Path(__file__).parents[2] / "examples"
ORIGINAL = photo()
CLEAN = encode(strip(decode(ORIGINAL)))
DONE = {"Cloak-Outcome": json.dumps({"status": "stripped"})}
PROTECTED = {"Cloak-Outcome": json.dumps({"status": "protected"})}


class Scripted:
    """A service that answers as it is told to."""

    def __init__(self, *answers):
        self.answers, self.seen = list(answers), []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.seen.append((self.path, dict(self.headers), body))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response_only(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def upload(service, **options):
    app = Application()
    with visiting(ProtectUploads(app, engine=Service(service.url, token="secret", **options))) as client:  # noqa: S106
        return app, client.post("/a", content=form(field("b", b"c"), file_part(ORIGINAL)), headers=TYPE)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, CLEAN),
        (200, {"Cloak-Outcome": "no json"}, CLEAN),
        (200, {"Cloak-Outcome": "[]"}, CLEAN),
        (200, {"Cloak-Outcome": json.dumps({"status": "failed"})}, CLEAN),
        (200, {"Cloak-Outcome": json.dumps({"status": ["protected"]})}, CLEAN),
        (200, PROTECTED, ORIGINAL),
        (200, DONE, ORIGINAL),
        (200, DONE, CLEAN[:-9]),
        (200, DONE, b""),
        (200, DONE, b"<html>"),
        (204, DONE, b""),
        (302, {"Location": "http://127.0.0.1:1/"}, b""),
        (401, {}, b"{}"),
        (404, {}, b"{}"),
        (500, {}, b"{}"),
        (503, {}, b"{}"),
        None,
    ],
    ids=lambda answer: str(answer and answer[:2]),
)
def test_an_answer_that_does_not_prove_that_the_photo_is_clean_is_not_handed_on(answer):
    with Scripted(answer) as service:
        app, got = upload(service)
    assert got.status_code == 503
    assert got.json()["error"] in {"unavailable", "busy"}
    assert "secret" not in got.text
    assert not app.bodies


def test_a_clean_photo_is_handed_on_with_what_became_of_it():
    with Scripted((200, DONE, CLEAN)) as service:
        app, got = upload(service, query="strength=subtle")
    assert got.status_code == 200
    assert app.parts()[1][3] == CLEAN
    assert app.scopes[0][OUTCOMES] == [("photo", {"status": "stripped"})]
    [(path, headers, body)] = service.seen
    assert (path, body) == ("/v1/protect?strength=subtle", ORIGINAL)
    assert headers["Authorization"] == "Bearer secret"
    assert "Cloak-Filename" not in headers


@pytest.mark.parametrize("status", [413, 415, 422])
def test_what_the_service_says_about_a_photo_is_for_whoever_sent_it(status):
    with Scripted((status, {}, json.dumps({"error": "too_many_faces", "message": "65"}).encode())) as service:
        app, got = upload(service)
    assert (got.status_code, got.json()) == (status, {"error": "too_many_faces", "message": "65"})
    assert not app.bodies


def test_a_busy_service_is_asked_again_when_it_says_and_not_for_ever():
    with Scripted((429, {"Retry-After": "1"}, b"{}"), (200, DONE, CLEAN)) as service:
        app, got = upload(service)
        assert (got.status_code, len(service.seen)) == (200, 2)
    with Scripted((429, {"Retry-After": "30"}, b"{}")) as service:
        app, got = upload(service, seconds=2)
    assert (got.status_code, got.json()["error"], got.headers["retry-after"]) == (503, "busy", "30")
    assert not app.bodies


def test_a_service_that_says_too_much_or_nothing_is_not_waited_for():
    with Scripted((200, DONE, bytes(9000))) as service:
        app, got = upload(service, max_bytes=8999)
    assert got.status_code == 503
    assert not app.bodies
    with Scripted((200, {**DONE, "Content-Length": "9"}, b"")) as service:
        app, got = upload(service, seconds=0.5)
    assert (got.status_code, got.json()["error"]) == (503, "timeout")
    assert not app.bodies


def test_a_service_that_is_not_there_is_said_to_be_so():
    with Scripted(None) as service:
        pass
    app, got = upload(service)
    assert (got.status_code, got.json()["error"]) == (503, "unavailable")
    assert not app.bodies


@pytest.mark.parametrize(
    "url", ["http://photos.example", "ftp://127.0.0.1", "http://10.0.0.1:80", "photos.example", "http://127.0.0.1/?a"]
)
def test_photos_are_not_sent_in_the_clear_to_another_machine_by_accident(url):
    with pytest.raises(UsageError):
        Service(url, token="a")  # noqa: S106


def test_a_real_service_protects_a_face_in_a_form(tmp_path, monkeypatch):
    app, face = Application(), (EXAMPLES / "phone.jpg").read_bytes()
    with served(tmp_path / "log", "--api-only") as server:
        monkeypatch.setenv("CLOAK_SERVE_TOKEN", server.token)
        with visiting(ProtectUploads(app, service_url=server.url, paths=("/upload",))) as client:
            body = form(file_part(face, name="face"), file_part(ORIGINAL), field("caption", b"Rome"))
            answer = client.post("/upload", content=body, headers=TYPE, timeout=300)
            assert answer.status_code == 200, answer.text
            broken = form(file_part(face[:5000]))
            assert client.post("/upload", content=broken, headers=TYPE).status_code == 422
    seen = app.parts()
    assert [one[0] for one in seen] == ["face", "photo", "caption"]
    assert seen[2][3] == b"Rome"
    for one in seen[:2]:
        scan(one[3])
    assert SECRET not in app.bodies[0]
    outcomes = dict(app.scopes[0][OUTCOMES])
    assert (outcomes["face"]["status"], outcomes["photo"]["status"]) == ("protected", "stripped")
    assert outcomes["face"]["found"] == 1
    assert len(app.bodies) == 1


def test_an_engine_in_the_same_process_protects_without_a_service():
    app, engine = Application(), Engine(Settings(token="a" * 32, port=1, device="cpu"))
    engine.start()
    with visiting(ProtectUploads(app, engine=engine)) as client:
        body = form(file_part(ORIGINAL), field("caption", b"Rome"))
        assert client.post("/a", content=body, headers=TYPE, timeout=120).status_code == 200
        assert client.post("/a", content=form(file_part(ORIGINAL[:500])), headers=TYPE).status_code == 422
    scan(app.parts()[0][3])
    assert SECRET not in app.bodies[0]
    assert app.scopes[0][OUTCOMES][0][1]["status"] == "stripped"
    assert len(app.bodies) == 1
    assert engine.ending
