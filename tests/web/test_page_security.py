"""Other sites in a real Chromium: what their pages may do to a server that runs on the same machine. Nothing."""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from .browser import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_TRY = """async ([server, job, token]) => {
    const bearer = {Authorization: `Bearer ${token}`};
    const tries = {
        "read without the token": ["/v1/settings", {}],
        "read with the token": ["/v1/settings", {headers: bearer}],
        "metrics with the token": ["/metrics", {headers: bearer}],
        "health": ["/healthz", {}],
        "make with the token": ["/v1/jobs", {method: "POST", headers: bearer}],
        "make without being asked first": ["/v1/jobs", {method: "POST", body: "x", mode: "no-cors"}],
        "delete with the token": [`/v1/jobs/${job}`, {method: "DELETE", headers: bearer}],
    };
    const said = {};
    for (const [name, [path, options]] of Object.entries(tries)) {
        try {
            const answer = await fetch(server + path, options);
            said[name] = [answer.status, await answer.text()];
        } catch (error) {
            said[name] = error.name;
        }
    }
    return said;
}"""

_ANSWERED = re.compile(r"\b(GET|POST|DELETE|OPTIONS) (\S+) (\d{3}) ")


class _Page(BaseHTTPRequestHandler):
    """A page of somebody else."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Somebody else</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def elsewhere():
    """The port of another server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def page(chromium):
    """A page of a browser for which names of others lead to this machine, as a rebinding name server has it."""
    rules = "--host-resolver-rules=MAP *.example 127.0.0.1"
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-proxy-server", rules]
    # By the Playwright that there is: a thread can have one only.
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=options)
    yield browser.new_page()
    browser.close()


@pytest.fixture
def job(quick):
    """A job of the user's, which is nobody else's business."""
    with quick.client() as client:
        identity = client.post("/v1/jobs").json()["id"]
        yield identity
        client.delete(f"/v1/jobs/{identity}")


def _jobs(server) -> str:
    return re.search(r"^cloak_jobs \d+$", httpx.get(f"{server.url}/metrics", headers=server.bearer).text, re.M)[0]


def _answers(server, since: int, least: int, seconds: float = 60) -> list[tuple[str, str, int]]:
    """What the server's log says it answered since then: at least so many, or what there is after a while."""
    end = time.monotonic() + seconds
    while True:
        text = server.log.read_bytes()[since:].decode("utf-8", "replace")
        found = [(method, route, int(status)) for method, route, status in _ANSWERED.findall(text)]
        if len(found) >= least or time.monotonic() > end:
            return found
        time.sleep(0.1)


def test_the_page_s_own_origin_may_do_what_the_tests_below_try(page, quick, job):
    page.goto(f"{quick.url}/")
    said = page.evaluate(_TRY, [quick.url, job, quick.token])
    statuses = {name: answer[0] for name, answer in said.items()}
    assert statuses.pop("read without the token") == 401
    assert statuses.pop("make without being asked first") == 401
    assert statuses == {
        "read with the token": 200,
        "metrics with the token": 200,
        "health": 200,
        "make with the token": 201,
        "delete with the token": 204,
    }
    made = json.loads(said["make with the token"][1])["id"]
    assert httpx.delete(f"{quick.url}/v1/jobs/{made}", headers=quick.bearer).status_code == 204


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1"])
def test_a_page_of_another_origin_reads_nothing_and_does_nothing(page, quick, job, elsewhere, host):
    before = _jobs(quick)
    page.goto(f"http://{host}:{elsewhere}/")
    since = quick.log.stat().st_size
    said = page.evaluate(_TRY, [quick.url, job, quick.token])
    answers = _answers(quick, since, len(said))
    assert set(said.values()) == {"TypeError"}
    assert ("POST", "-", 403) in answers  # no browser asks before it sends this one
    assert ("OPTIONS", "-", 403) in answers
    assert {status for *_, status in answers} == {403}
    assert _jobs(quick) == before
    assert httpx.get(f"{quick.url}/v1/jobs/{job}", headers=quick.bearer).status_code == 200


def test_a_form_of_another_origin_is_refused_and_makes_nothing(page, quick, elsewhere):
    page.goto(f"http://evil.example:{elsewhere}/")
    before = _jobs(quick)
    with page.expect_response(f"{quick.url}/v1/jobs") as answered:
        page.evaluate(
            """address => {
                const form = document.createElement("form");
                Object.assign(form, {method: "post", action: address, enctype: "text/plain"});
                document.body.append(form);
                form.submit();
            }""",
            f"{quick.url}/v1/jobs",
        )
    assert answered.value.status == 403
    assert answered.value.request.headers["origin"] == f"http://evil.example:{elsewhere}"
    assert _jobs(quick) == before


def test_a_name_that_was_bound_to_this_machine_is_no_way_in(page, quick, job):
    address = f"http://rebound.example:{quick.port}"
    answer = page.goto(f"{address}/")
    assert (answer.status, answer.json()["error"]) == (421, "wrong_host")
    before = _jobs(quick)
    # For the browser all of these are of one origin: it asks nobody whether they may be sent.
    said = page.evaluate(_TRY, [address, job, quick.token])
    assert {name: (status, json.loads(text)["error"]) for name, (status, text) in said.items()} == dict.fromkeys(
        said, (421, "wrong_host")
    )
    assert len(said) == 7
    assert _jobs(quick) == before
    assert httpx.get(f"{quick.url}/v1/jobs/{job}", headers=quick.bearer).status_code == 200
