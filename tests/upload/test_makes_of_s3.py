"""S3 servers that differ from s3rver in what they leave out, each played by a gate before it."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from cloak.errors import TransferError, TransientError, UploadError
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.s3 import S3

from .items import item
from .kinds import held
from .servers import s3rver
from .servers.gate import Playing
from .servers.loopback import Answer, Loopback, Request


class Make(Playing, s3rver.Gate):
    """A gate that plays another make."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3rver.running(tmp_path_factory.mktemp("s3rver")) as address:
        yield address


@pytest.fixture
def make(server: str) -> Iterator[Make]:
    gate = Make(server)
    with gate.running():
        yield gate


def opened(address: str) -> S3:
    secrets = {"access-key-id": s3rver.KEY, "secret-access-key": s3rver.KEY}
    return S3.open({"bucket": s3rver.BUCKET, "endpoint": address}, held(**secrets))


def lives(destination: S3) -> None:
    """See that a photo is put there, found, looked at and deleted."""
    wish, one = Wish(album="Sommer"), item()
    destination.check(wish)
    placed = destination.put(one, wish)
    assert placed.audience is Audience.OWNER
    assert destination.find(one.name) == placed.handle
    destination.delete(placed.handle)
    assert destination.look(placed.handle) is None


def error(status: int, code: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


REFUSALS = [(501, "NotImplemented"), (400, "InvalidArgument"), (400, "InvalidRequest")]


@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_one_that_refuses_checksums_of_newer_kinds_takes_photos(make: Make, status: int, code: str) -> None:
    def own(request: Request) -> Answer | None:
        newer = any(name.lower().startswith("x-amz-checksum") for name in request.headers)
        return error(status, code) if newer else None

    make.own = own
    with closing(opened(make.address)) as destination:
        lives(destination)


@pytest.mark.parametrize("query", ["versions", "uploads", "policyStatus", "object-lock", "publicAccessBlock"])
@pytest.mark.parametrize(("status", "code"), [*REFUSALS, (405, "405"), (404, "NoSuchKey"), (400, "MalformedXML")])
def test_one_that_does_not_know_a_question_takes_photos(make: Make, query: str, status: int, code: str) -> None:
    make.own = lambda request: error(status, code) if query in request.query else None
    with closing(opened(make.address)) as destination:
        lives(destination)


@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_one_that_lists_by_the_first_version_alone_takes_photos(make: Make, status: int, code: str) -> None:
    make.own = lambda request: error(status, code) if "list-type" in request.query else None
    with closing(opened(make.address)) as destination:
        lives(destination)


def test_a_page_that_answers_everything_is_not_taken_for_a_server() -> None:
    class Portal(Loopback):
        def answer(self, request: Request) -> Answer:  # noqa: ARG002
            return Answer(200, b"<!DOCTYPE html><html><p>Welcome<br></html>", {"Content-Type": "text/html"})

    portal = Portal()
    with portal.running() as address, closing(opened(address)) as destination:
        for call in (
            lambda: destination.check(Wish()),
            lambda: destination.find("a.jpg"),
            lambda: destination.delete(f"s3://{s3rver.BUCKET}/a.jpg"),
        ):
            with pytest.raises((TransferError, UploadError)):
                call()
        assert "PUT" not in [method for method, _ in portal.requests]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_photo_does_not_follow_a_redirect_to_another_server(make: Make, status: int) -> None:
    elsewhere = Loopback()
    with elsewhere.running() as there, closing(opened(make.address)) as destination:
        destination.check(Wish())
        headers = {"Location": f"{there}/photos/x", "Content-Type": "application/xml"}
        body = b"<Error><Code>TemporaryRedirect</Code><Endpoint>127.0.0.1</Endpoint></Error>"
        make.own = lambda request: Answer(status, body, headers) if request.method == "PUT" else None
        with pytest.raises((TransferError, UploadError), match=str(status)):
            destination.put(item(), Wish())
        assert elsewhere.requests == []


def test_a_wait_that_is_no_number_is_no_reason_to_fail(make: Make) -> None:
    make.own = lambda request: Answer(503, b"", {"Retry-After": "²"}) if request.method == "PUT" else None
    with closing(opened(make.address)) as destination, pytest.raises(TransferError, match="503"):
        destination.put(item(), Wish())


def test_one_that_lags_behind_what_it_was_told_is_waited_for(make: Make) -> None:
    changed: dict[str, float] = {}

    def own(request: Request) -> Answer | None:
        if request.method in {"PUT", "DELETE"}:
            changed[request.path] = time.monotonic() * (-1 if request.method == "PUT" else 1)
        since = changed.get(request.path, 0.0)
        if request.method == "HEAD" and since and time.monotonic() - abs(since) < 1:
            return Answer(404) if since < 0 else Answer(200, b"x")
        return None

    make.own = own
    with closing(opened(make.address)) as destination:
        lives(destination)
        assert [method for method, _ in make.requests].count("PUT") == 1


@pytest.mark.parametrize("code", ["", "NoSuchKey"], ids=["proxy", "that of an object"])
def test_a_proxy_that_says_404_to_everything_while_its_server_is_down_has_deleted_nothing(
    make: Make, code: str
) -> None:
    with closing(opened(make.address)) as destination:
        one = item()
        placed = destination.put(one, Wish())
        page = Answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        make.own = lambda _: error(404, code) if code else page
        for call in (
            lambda: destination.delete(placed.handle),
            lambda: destination.look(placed.handle),
            lambda: destination.find(one.name),
        ):
            with pytest.raises(TransferError, match="404"):
                call()
        with pytest.raises(TransientError, match="a proxy does whose server is down"):  # worth another try
            destination.delete(placed.handle)
        make.own = lambda _: None
        assert destination.look(placed.handle) is not None
        destination.delete(placed.handle)
        assert destination.look(placed.handle) is None
