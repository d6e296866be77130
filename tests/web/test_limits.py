"""What is too much, too slow or made to harm is refused, and the server goes on serving the others."""

import io
import socket
import threading
import time

import numpy as np
import pytest
from PIL import Image

from .bombs import files, made, malformed
from .served import heard, served
from .uploads import photo

MB = 2**20
ROUTES = ("protect", "strip", "inspect")
REFUSED = {413, 415, 422}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    options = ("--max-bytes", "8M", "--max-pixels", "16M", "--max-memory", "64M", "--queue", "4")
    with served(tmp_path_factory.mktemp("serve") / "log", *options) as server:
        yield server


@pytest.fixture
def well(server):
    """After whatever the test did, the server answers, and its memory is what it was, more or less."""
    before = server.memory()
    yield server
    with server.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.post("/v1/strip", content=photo()).status_code == 200
    assert server.memory() < before + 400 * MB


@pytest.fixture(scope="module")
def bombs():
    return files()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "name",
    ["png", "png text", "tiff", "tiff that lies", "webp", "webp that lies", "jpeg that lies", "avif that lies", "zip"],
)
def test_bombs_are_refused_or_harmless(well, bombs, name, route):
    peak = _Peak(well)
    with peak, well.client() as client:
        answer = client.post(f"/v1/{route}", content=bombs[name])
    may_pass = name == "png text" or route != "protect"  # strip copies what is coded and decodes nothing
    assert answer.status_code in REFUSED | ({200} if may_pass else set()), answer.text[:300]
    assert peak.most < peak.first + 1500 * MB


@pytest.mark.parametrize("route", ROUTES)
def test_broken_files_are_refused_with_a_reason_or_read_as_far_as_they_go(well, route):
    with well.client() as client:
        for name, data in malformed().items():
            answer = client.post(f"/v1/{route}", content=data)
            assert answer.status_code in REFUSED | {200}, (name, answer.text[:300])
            if answer.status_code != 200:
                assert set(answer.json()) == {"error", "message"}


@pytest.mark.parametrize("route", [*ROUTES, "jobs/{job}/photos"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused_before_it_has_all_come(well, route, declared):
    with well.client() as client:
        path = "/v1/" + route.format(job=client.post("/v1/jobs").json()["id"])
    sent, piece = 0, b"x" * 65536
    length = f"Content-Length: {200 * MB}" if declared else "Transfer-Encoding: chunked"
    with socket.create_connection(("127.0.0.1", well.port)) as raw:
        raw.sendall(_head(well, path) + f"{length}\r\n\r\n".encode())
        raw.settimeout(20)
        try:
            while sent < 200 * MB:
                raw.sendall(piece if declared else b"10000\r\n" + piece + b"\r\n")
                sent += len(piece)
        except OSError:
            pass
        answer = heard(raw, 5)
    assert answer.startswith(b"HTTP/1.1 413 ") or (not answer and sent < 200 * MB)
    assert sent < 100 * MB


def test_too_many_pixels_are_refused_as_such(well):
    with well.client() as client:
        answer = client.post("/v1/protect", content=made("PNG", 5000, 5000))
    assert (answer.status_code, answer.json()["error"]) == (413, "too_many_pixels")


def test_bodies_that_are_held_have_a_limit_together(well):
    kept, answer = [], None
    with well.client() as client:
        large = _large()
        for _ in range(30):
            job = client.post("/v1/jobs").json()["id"]
            kept.append(job)
            answer = client.post(f"/v1/jobs/{job}/photos", content=large)
            if answer.status_code != 201:
                break
        assert (answer.status_code, answer.json()["error"]) == (429, "memory_full")
        assert int(answer.headers["retry-after"]) > 0
        for job in kept:
            assert client.delete(f"/v1/jobs/{job}").status_code == 204
        job = client.post("/v1/jobs").json()["id"]
        assert client.post(f"/v1/jobs/{job}/photos", content=large).status_code == 201
        client.delete(f"/v1/jobs/{job}")


SMUGGLED = {
    "two lengths": "Content-Length: 5\r\nContent-Length: 50\r\n\r\nabcdeGET /v1/settings HTTP/1.1\r\n\r\n",
    "two lengths in one": "Content-Length: 5, 50\r\n\r\nabcdeGET / HTTP/1.1\r\n\r\n",
    "a length and chunks": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nZ\r\nQ\r\n\r\n",
    "two codings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "another coding": "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "a coding with a space": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a signed length": "Content-Length: +5\r\n\r\nabcde",
    "a negative length": "Content-Length: -5\r\n\r\nabcde",
    "a chunk of a strange size": "Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n",
    "a folded header": "X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a bare line end in a header": "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a zero in a header": "X: a\0b\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_request_that_two_servers_could_cut_in_two_ways_is_not_cut_in_two(well, name):
    answer = well.raw(_head(well, "/v1/inspect") + SMUGGLED[name].encode(), seconds=3)
    assert answer.count(b"HTTP/1.1 200") == 0, answer
    assert answer.count(b"HTTP/1.1 ") <= 1 or b"\r\nHTTP/1.1 400 " in answer, answer


@pytest.mark.parametrize("head", ["X: " + "a" * MB, "\r\n".join(f"X{n}: a" for n in range(60_000)), "X" * MB])
def test_a_huge_head_is_refused(well, head):
    request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{well.port}\r\n{head}\r\n\r\n"
    try:
        answer = well.raw(request.encode(), seconds=5)
    except ConnectionError:
        answer = b""
    assert not answer.startswith(b"HTTP/1.1 200"), answer[:100]


@pytest.mark.parametrize("where", ["head", "body", "silent"])
def test_many_slow_senders_hold_up_nobody_and_are_cut_off(tmp_path, where):
    with served(tmp_path / "log") as server:
        head = _head(server, "/v1/strip")
        start = {"head": head, "body": head + b"Content-Length: 100000\r\n\r\n", "silent": b""}[where]
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(150)]
        try:
            for one in slow:
                one.sendall(start)
            stop = threading.Event()
            drip = threading.Thread(target=_drip, args=(slow, stop, where))
            drip.start()
            with server.client() as client:
                for _ in range(5):
                    assert client.get("/healthz").status_code == 200
                    assert client.post("/v1/strip", content=photo()).status_code == 200
            end = time.monotonic() + 120
            while time.monotonic() < end and any(_open(one) for one in slow):
                time.sleep(0.5)
            stop.set()
            drip.join()
            assert not [one for one in slow if _open(one)]
        finally:
            for one in slow:
                one.close()
        with server.client() as client:
            assert client.post("/v1/strip", content=photo()).status_code == 200


def _head(server, path):
    lines = (f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Authorization: Bearer {server.token}", "")
    return "\r\n".join(lines).encode()


class _Peak:
    """The most memory that a server and its processes have while something goes on."""

    def __init__(self, server):
        self.server, self.first, self.most, self._stop = server, server.memory(), 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(0.05):
            self.most = max(self.most, self.server.memory())


def _drip(slow, stop, where):
    while not stop.wait(1):
        for one in slow:
            try:
                if where != "silent":
                    one.sendall(b"X")
            except OSError:
                pass


def _open(one):
    """Whether a server still listens to a connection."""
    one.setblocking(False)
    try:
        return one.recv(4096) != b"" and _open(one)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        one.setblocking(True)


def _large():
    """A photo of six megabytes."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (1400, 1400, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    return file.getvalue()
