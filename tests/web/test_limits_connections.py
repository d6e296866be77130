"""Connections on which nothing useful happens end by themselves; those on which something does are left alone."""

import socket
import threading
import time

import httpx
import pytest

from cloak.web import connections
from cloak.web.connections import Connection

from .served import heard
from .uploads import Application, serving

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n"


class Refusing(Application):
    """Answers without a look at the body."""

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


class Generous(Application):
    """Answers with more than any buffer holds."""

    ended = None

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(80):
            await send({"type": "http.response.body", "body": bytes(2**18), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.ended = True


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.6)
    monkeypatch.setattr(connections, "STUCK_SECONDS", 0.6)


@pytest.mark.parametrize("first", [b"", b"GET / HT", HEAD % 5, (HEAD % 2) + b"\r\nab", (HEAD % 2) + b"\r\nabGET / HT"])
def test_who_sends_no_head_or_one_that_never_ends_is_cut_off(first):
    with (
        serving(Application(), http=Connection, timeout_keep_alive=60) as port,
        socket.create_connection(("127.0.0.1", port)) as raw,
    ):
        raw.sendall(first)
        said = _until_cut(raw, drip=b"a" if first else b"")
    assert said.count(b"HTTP/1.1 200") == (b"ab" in first)


def test_the_rest_of_a_body_that_was_refused_is_not_read_for_ever():
    with (
        serving(Refusing(), http=Connection, timeout_keep_alive=60) as port,
        socket.create_connection(("127.0.0.1", port)) as raw,
    ):
        raw.sendall(HEAD % 10**9 + b"\r\nabc")
        assert _until_cut(raw, drip=b"a").startswith(b"HTTP/1.1 413")


def test_of_a_body_that_was_refused_no_more_is_read_than_it_takes_to_say_so(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    monkeypatch.setattr(connections, "LINGER", 10**6)
    with serving(Refusing(), http=Connection) as port, socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(HEAD % 10**9 + b"\r\n" + bytes(500_000))
        assert heard(raw, 0.5).startswith(b"HTTP/1.1 413")
        raw.settimeout(20)
        with pytest.raises(ConnectionError):
            raw.sendall(bytes(900 * 10**6))


@pytest.mark.parametrize("slowly", [True, False])
def test_who_reads_nothing_is_cut_off_and_who_reads_slowly_is_not(slowly):
    with (
        serving(Generous(), http=Connection, timeout_keep_alive=60) as port,
        socket.create_connection(("127.0.0.1", port)) as raw,
    ):
        raw.sendall(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        if not slowly:
            time.sleep(2)
        raw.settimeout(20)
        read = b""
        try:
            while piece := raw.recv(2**18):
                read += piece
                time.sleep(0.02)
        except ConnectionError:
            pass
    assert (len(read.partition(b"\r\n\r\n")[2]) == 80 * 2**18) == slowly


def test_a_body_that_takes_longer_than_a_head_may_is_for_the_application_to_judge():
    app = Application()
    with serving(app, http=Connection) as port, socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(HEAD % 10 + b"\r\n")
        for _ in range(10):
            time.sleep(0.15)
            raw.sendall(b"a")
        assert heard(raw, 0.3).startswith(b"HTTP/1.1 200")
    assert app.bodies == [b"a" * 10]


def test_a_connection_can_be_used_again_and_again():
    app = Application()
    with serving(app, http=Connection) as port, httpx.Client() as client:
        for _ in range(6):
            assert client.get(f"http://127.0.0.1:{port}/").text == "ok"
            time.sleep(0.2)
    assert len({scope["client"] for scope in app.scopes}) == 1


def test_more_connections_than_there_may_be_are_not_kept(monkeypatch):
    monkeypatch.setattr(connections, "MOST", 20)
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    with serving(Application(), http=Connection) as port:
        many = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
        try:
            assert sum(heard(one, 0.2) == b"" and _shut(one) for one in many) == 10
        finally:
            for one in many:
                one.close()
        assert httpx.get(f"http://127.0.0.1:{port}/").text == "ok"


def _shut(one):
    one.setblocking(False)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _until_cut(raw, *, drip):
    """What is said until the other side closes, while a byte is sent now and then."""
    stop = threading.Event()

    def send():
        while not stop.wait(0.1):
            try:
                raw.sendall(drip)
            except OSError:
                return

    thread = threading.Thread(target=send)
    thread.start()
    raw.settimeout(20)
    said = b""
    try:
        while piece := raw.recv(4096):
            said += piece
    except ConnectionError:
        pass
    finally:
        stop.set()
        thread.join()
    return said
