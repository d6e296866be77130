"""The middleware: photos are protected before an application sees them, or it does not see them."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from cloak.errors import UsageError
from cloak.image.scan import scan
from cloak.names import NamePolicy
from cloak.web.middleware import OUTCOMES, ProtectUploads
from cloak.web.multipart import FormLimits

from .uploads import SECRET, TYPE, Application, Reencoder, field, file_part, form, photo, request_of, serving, visiting

NOTE = bytes(range(256)) * 3 + b"\r\n--Xy\r\n--XyQ\r\n--\r"


@pytest.fixture
def site():
    """An application behind the middleware, on a real server: (application, engine, client)."""
    app, engine = Application(), Reencoder()
    protect = ProtectUploads(app, engine=engine, paths=("/upload",), limits=FormLimits(total=2_000_000))
    with serving(protect) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield app, engine, client


def send(client, *parts, path="/upload", **options):
    return client.post(path, content=form(*parts), headers={**TYPE, **options.pop("headers", {})}, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_application_gets_a_clean_photo_in_place_of_the_one_that_was_sent(site, kind):
    app, _, client = site
    assert send(client, file_part(photo(kind), kind="application/octet-stream", file="a.bin")).status_code == 200
    assert SECRET not in app.bodies[0]
    [(name, file, said, content)] = app.parts()
    assert (name, file, said) == ("photo", "a.bin", f"image/{kind.lower()}")
    scan(content)
    assert app.headers[b"content-length"] == str(len(app.bodies[0])).encode()


def test_other_parts_come_through_bit_for_bit_and_in_order(site):
    app, engine, client = site
    parts = [
        field("a", b"B\xc3\xa4r"),
        file_part(photo()),
        field("b", NOTE),
        file_part(b"%PDF-1.7 \x00\xff", file="a.pdf"),
    ]
    parts[3] = (parts[3][0].replace(b"image/jpeg", b"application/pdf"), parts[3][1])
    assert send(client, *parts).status_code == 200
    seen = app.parts()
    assert [one[0] for one in seen] == ["a", "photo", "b", "photo"]
    assert [seen[0][3], seen[2][3], seen[3][3]] == [parts[0][1], NOTE, parts[3][1]]
    assert len(engine.seen) == 1


def test_a_photo_that_says_it_is_text_or_no_file_is_protected_all_the_same(site):
    app, engine, client = site
    parts = [field("caption", photo()), file_part(photo("PNG"), file="a.txt", kind="text/plain")]
    assert send(client, *parts).status_code == 200
    assert len(engine.seen) == 2
    assert SECRET not in app.bodies[0]


@pytest.mark.parametrize(
    ("content", "file", "kind", "status"),
    [
        (b"no photo", "a.txt", "image/jpeg", 422),
        (b"no photo", "a.JPG", "text/plain", 422),
        (b"\xff\xd8\xff\xe0 cut", "a.jpg", "image/jpeg", 422),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.txt", "text/plain", 415),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x -->\n<svg/>", "a", "text/plain", 415),
        (b"GIF89a" + bytes(30), "a.gif", "image/gif", 415),
        (b"BM" + bytes(60), "a.txt", "text/plain", 415),
        (b"\xff\x0a" + bytes(9), "a.bin", "application/octet-stream", 415),
        (b"\0\0\0\x18ftypisom" + bytes(30), "a.mp4", "video/mp4", 415),
        (b"%PDF-1.7 \xff", "a.pdf", "image/jpeg", 422),
    ],
)
def test_what_is_a_picture_or_says_so_and_cannot_be_protected_is_refused(site, content, file, kind, status):
    app, _, client = site
    answer = send(client, field("a", b"b"), file_part(content, file=file, kind=kind))
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "message"}
    assert not app.bodies


@pytest.mark.parametrize("text", [b"BMW 320i", b"FUJIFILM X-T5", b"GIF89a is a format", "äöü <svg".encode(), b""])
def test_text_that_begins_as_a_picture_does_is_no_picture(site, text):
    app, engine, client = site
    assert send(client, field("caption", text)).status_code == 200
    assert app.parts()[0][3] == text
    assert not engine.seen


def test_a_form_in_which_no_file_was_chosen_comes_through(site):
    app, _, client = site
    assert send(client, file_part(b"", file="", kind="image/jpeg")).status_code == 200
    assert app.parts()[0][3] == b""


def test_one_photo_that_cannot_be_protected_stops_the_whole_form_before_any_work(site):
    app, engine, client = site
    assert send(client, file_part(photo()), file_part(b"no photo")).status_code == 422
    assert not app.bodies
    assert not engine.seen


def test_a_field_for_photos_takes_nothing_else():
    app = Application()
    with visiting(ProtectUploads(app, engine=Reencoder(), fields=["photo"])) as client:
        assert send(client, file_part(b"%PDF-1.7 \xff", kind="application/pdf", file="a.pdf")).status_code == 422
        assert send(client, file_part(photo(), name="other")).status_code == 200
    assert SECRET not in app.bodies[0]


def test_names_at_random_leave_no_old_name_and_keep_the_rest():
    app = Application()
    head = b'Content-Disposition: form-data; filename*=UTF-8\'\'Anna%20in%20Rome.heic; name="a b"; filename="Anna.heic"'
    with visiting(ProtectUploads(app, engine=Reencoder(), names=NamePolicy.RANDOM)) as client:
        assert send(client, (head, photo())).status_code == 200
    [(name, file, _, _)] = app.parts()
    assert name == "a b"
    assert b"Anna" not in app.bodies[0]
    assert len(file) == len("0123456789abcdef.jpg")
    assert file.endswith(".jpg")


def test_other_paths_other_types_and_websockets_are_not_touched(site):
    app, engine, client = site
    body = form(file_part(photo()))
    client.post("/other", content=body, headers=TYPE)
    client.post("/uploads", content=body, headers=TYPE)
    client.post("/upload", content=body, headers={"Content-Type": "text/plain"})
    client.put("/upload", content=photo(), headers={"Content-Type": "image/jpeg"})
    assert app.bodies == [body, body, body, photo()]
    assert not engine.seen


def test_websockets_and_the_life_of_the_server_go_through():
    app, engine, sent = Application(), Reencoder(), []

    async def receive():
        return (
            {"type": "lifespan.shutdown"}
            if sent and sent[-1]["type"] != "websocket.close"
            else {"type": "lifespan.startup"}
        )

    async def send(message):
        sent.append(message)

    protect = ProtectUploads(app, engine=engine)
    # In a thread of its own: where a browser was driven before, there is a loop already, and it goes on.
    with ThreadPoolExecutor(1) as own:
        own.submit(lambda: asyncio.run(protect({"type": "websocket", "path": "/"}, receive, send))).result()
    assert [one["type"] for one in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    with ThreadPoolExecutor(1) as own:
        own.submit(lambda: asyncio.run(protect({"type": "lifespan"}, receive, send))).result()
    assert sent[-1]["type"] == "lifespan.shutdown.complete"
    assert engine.closed == 1


@pytest.mark.parametrize(
    "path",
    ["/upload/", "/upload/a/b", "//upload", "/x/../upload", "/Upload", "/%75pload", "/.//upload", "/x%2f..%2fupload"],
)
def test_spellings_of_a_path_that_some_application_may_take_for_it_are_protected(site, path):
    app, _, client = site
    with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
        body = form(file_part(photo()))
        raw.sendall(request_of(path, body))
        assert raw.recv(99).startswith(b"HTTP/1.1 200")
    assert SECRET not in app.bodies[0]


def test_a_body_that_is_not_for_us_is_handed_on_as_it_comes(site):
    app, _, client = site
    client.post("/other", content=iter([b"a" * 70_000, b"b" * 70_000]))
    assert len(app.sizes[0]) > 1


def test_a_form_in_chunks_gets_a_length_and_is_no_longer_in_chunks(site):
    app, _, client = site
    body = form(file_part(photo()), field("a", NOTE))
    assert client.post("/upload", content=(body[at : at + 7] for at in range(0, len(body), 7)), headers=TYPE).is_success
    assert b"transfer-encoding" not in app.headers
    assert app.headers[b"content-length"] == str(len(app.bodies[0])).encode()
    assert app.parts()[1][3] == NOTE
    assert SECRET not in app.bodies[0]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_form_over_the_limit_is_refused(site, chunked):
    app, _, client = site
    body = form(field("a", b"x" * 2_000_001))
    answer = client.post("/upload", content=iter([body]) if chunked else body, headers=TYPE)
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
    assert not app.bodies


def test_a_photo_without_a_form_is_protected_if_asked_for():
    app, engine = Application(), Reencoder()
    with visiting(ProtectUploads(app, engine=engine, raw=True)) as client:
        client.put("/a", content=photo("PNG"), headers={"Content-Type": "image/jpeg"})
        client.put("/a", content=photo(), headers={"Content-Type": "application/octet-stream"})
        client.put("/a", content=b"\x00 other", headers={"Content-Type": "application/octet-stream; a=b"})
        assert client.put("/a", content=b"other", headers={"Content-Type": "image/png"}).status_code == 422
    assert SECRET not in b"".join(app.bodies)
    assert [dict(one["headers"])[b"content-type"] for one in app.scopes] == [
        b"image/png",
        b"image/jpeg",
        b"application/octet-stream; a=b",
    ]
    assert app.bodies[2] == b"\x00 other"
    assert app.scopes[0][OUTCOMES] == [("", {"status": "stripped"})]


@pytest.mark.parametrize("kind", ["image/jpeg", TYPE["Content-Type"]])
def test_a_compressed_body_is_refused(kind):
    app = Application()
    with visiting(ProtectUploads(app, engine=Reencoder(), raw=True)) as client:
        headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
        assert client.put("/a", content=form(file_part(photo())), headers=headers).status_code == 415
    assert not app.bodies


def test_a_service_or_an_engine_is_needed(monkeypatch):
    monkeypatch.delenv("CLOAK_SERVE_TOKEN", raising=False)
    for options in (
        {},
        {"service_url": "http://127.0.0.1:1", "engine": Reencoder()},
        {"service_url": "http://127.0.0.1:1"},
    ):
        with pytest.raises(UsageError):
            ProtectUploads(Application(), **options)
