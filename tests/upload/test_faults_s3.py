"""What goes wrong on the way to S3: s3rver behind a gate that fails when it is told to."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.auth
import pytest
import trustme

from cloak.errors import AudienceError, CredentialsError, TransferError, TransientError, UntrustedError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.s3 import S3

from .items import item
from .servers import moto
from .servers import s3rver as s3rver_server
from .servers.loopback import Answer, Cut, Request
from .servers.s3rver import BUCKET, KEY, Gate

OBJECTS = f"/{BUCKET}/"


def error(status: int, code: str, **headers: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    kind = {"Content-Type": "application/xml"}
    return Answer(status, body.encode(), kind | {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture(scope="module")
def s3rver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3rver_server.running(tmp_path_factory.mktemp("s3rver")) as server:
        yield server


@pytest.fixture
def gate(s3rver: str) -> Iterator[Gate]:
    gate = Gate(s3rver)
    with gate.running():
        yield gate


@pytest.fixture
def destination(gate: Gate) -> Iterator[S3]:
    made = connect(gate.address)
    yield made
    made.close()


def connect(address: str) -> S3:
    keys = {"s3.access-key-id": KEY, "s3.secret-access-key": KEY}
    return S3.open({"bucket": BUCKET, "endpoint": address}, Credentials("s3", keys.get))


def objects(destination: S3, name: str) -> int:
    """How many objects there are of a name, in whatever folder."""
    return sum(destination._bucket.head(folder + name) is not None for folder in ("", *destination._bucket.folders("")))


@pytest.mark.parametrize(
    "answer",
    [
        error(503, "SlowDown", Retry_After="7"),
        error(429, "TooManyRequests", Retry_After="7"),
        error(500, "InternalError"),
    ],
    ids=["503", "429", "500"],
)
def test_a_busy_server_is_worth_another_try_after_as_long_as_it_says(
    gate: Gate, destination: S3, answer: Answer
) -> None:
    gate.fail("PUT", OBJECTS, answer)
    photo = item()
    with pytest.raises(TransientError) as caught:
        destination.put(photo, Wish())
    assert caught.value.after == (7 if "Retry-After" in answer.headers else None)
    assert objects(destination, photo.name) == 0
    assert destination.put(photo, Wish()).audience is Audience.OWNER
    assert objects(destination, photo.name) == 1


@pytest.mark.parametrize("cut", Cut)
def test_a_cut_connection_leaves_one_object_after_a_retry(gate: Gate, destination: S3, cut: Cut) -> None:
    gate.fail("PUT", OBJECTS, cut)
    photo = item()
    with pytest.raises(TransientError, match="connection"):
        destination.put(photo, Wish(album="one"))
    placed = destination.put(photo, Wish(album="one"))
    assert objects(destination, photo.name) == 1
    assert destination.find(photo.name) == placed.handle


def test_what_a_killed_upload_left_is_found_and_deleted(gate: Gate, destination: S3) -> None:
    photo = item()
    gate.fail("PUT", OBJECTS, Cut.BEFORE_ANSWER)
    gate.fail("DELETE", OBJECTS, Cut.BEFORE_BODY, times=9)
    with pytest.raises(TransientError, match="may still be there"):
        destination.put(photo, Wish())
    gate.faults.clear()
    again = connect(gate.address)
    handle = again.find(photo.name)
    assert handle is not None
    again.delete(handle)
    assert again.find(photo.name) is None


@pytest.mark.parametrize(
    "answer", [error(507, "InsufficientStorage"), error(507, "XMinioStorageFull"), error(403, "QuotaExceeded")]
)
def test_a_full_server_ends_all_uploads_and_has_nothing(gate: Gate, destination: S3, answer: Answer) -> None:
    gate.fail("PUT", OBJECTS, answer)
    photo = item()
    with pytest.raises(UploadError, match="full"):
        destination.put(photo, Wish())
    assert objects(destination, photo.name) == 0


def test_a_photo_that_is_too_large_for_the_server_ends_that_photo_alone(gate: Gate, destination: S3) -> None:
    gate.fail("PUT", OBJECTS, error(413, "EntityTooLarge"))
    with pytest.raises(TransferError, match="413 EntityTooLarge") as caught:
        destination.put(item(), Wish())
    assert not isinstance(caught.value, TransientError)


def test_keys_that_are_refused_on_the_way_are_said_to_be_and_not_shown(gate: Gate, destination: S3) -> None:
    gate.fail("PUT", OBJECTS, error(403, "InvalidAccessKeyId"))
    with pytest.raises(CredentialsError, match="access key") as caught:
        destination.put(item(), Wish())
    assert KEY not in str(caught.value)


def test_a_server_that_shows_the_photo_to_everybody_loses_it_again(gate: Gate, destination: S3) -> None:
    destination.check(Wish())
    gate.careless = True
    photo = item()
    with pytest.raises(AudienceError, match="deleted again"):
        destination.put(photo, Wish())
    assert objects(destination, photo.name) == 0


def test_an_answer_that_says_neither_public_nor_private_is_not_taken_for_private(gate: Gate, destination: S3) -> None:
    photo = item()
    gate.fail("GET", f"{OBJECTS}{photo.name}", Answer(302, b"", {"Location": "https://elsewhere.example"}))
    with pytest.raises(AudienceError, match="302"):
        destination.put(photo, Wish())
    assert objects(destination, photo.name) == 0


def test_a_server_that_kept_half_a_photo_is_found_out(gate: Gate, destination: S3) -> None:
    photo = item()
    gate.fail("HEAD", f"{OBJECTS}{photo.name}", Answer(200, None, {"Content-Length": "3"}))
    with pytest.raises(TransientError, match="does not have what was sent"):
        destination.put(photo, Wish())
    assert objects(destination, photo.name) == 0


class Plain(Gate):
    """Takes a question for versions for one for objects, as servers do that never heard of them."""

    def answer(self, request: Request) -> Answer:
        if request.method == "GET" and "versions" in request.query:
            request = replace(request, target=request.target.replace("versions&", ""))
        return super().answer(request)


def test_a_server_that_lists_objects_when_it_is_asked_for_versions_lets_go_of_them(s3rver: str) -> None:
    plain = Plain(s3rver)
    with plain.running():
        destination = connect(plain.address)
        assert destination._bucket.versions("any") == []
        destination.check(Wish())
        placed = destination.put(item(), Wish())
        destination.delete(placed.handle)
        assert destination.look(placed.handle) is None
        destination.close()


def test_an_object_whose_size_is_not_told_is_not_taken_for_whole(gate: Gate, destination: S3) -> None:
    photo = item()
    gate.fail("HEAD", f"{OBJECTS}{photo.name}", Answer(200, None, {"Content-Length": ""}))
    with pytest.raises(TransferError, match="does not say how large") as caught:
        destination.put(photo, Wish())
    assert not isinstance(caught.value, TransientError)
    assert objects(destination, photo.name) == 0


def test_old_versions_that_moto_keeps_and_nobody_may_list_are_said_to_be_still_there(tmp_path: Path) -> None:
    with moto.running(tmp_path) as server:
        bucket = server.bucket("photos")
        server.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        gate = Gate(server.address)
        keys = {"s3.access-key-id": server.key, "s3.secret-access-key": server.secret}
        with gate.running() as address:
            destination = S3.open({"bucket": bucket, "endpoint": address}, Credentials("s3", keys.get))
            placed = destination.put(item(), Wish())
            gate.fail("GET", f"/{bucket}", error(403, "AccessDenied"), times=2)  # unfinished uploads, and versions
            with pytest.raises(TransferError, match="the photo is still there"):
                destination.delete(placed.handle)
            assert len(server.client.list_object_versions(Bucket=bucket)["Versions"]) == 1
            destination.delete(placed.handle)
            assert "Versions" not in server.client.list_object_versions(Bucket=bucket)
            destination.close()


@pytest.mark.parametrize("minutes", [-20, 20])
def test_s3rver_refuses_a_clock_that_is_20_minutes_off_and_it_is_said_to_be(
    destination: S3, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    real = botocore.auth.get_current_datetime
    monkeypatch.setattr(
        botocore.auth,
        "get_current_datetime",
        lambda *given, **named: real(*given, **named) + timedelta(minutes=minutes),
    )
    with pytest.raises(UploadError, match="clock"):
        destination.check(Wish())


@pytest.mark.parametrize("seconds", [-600, -40, 40, 600])
def test_no_link_is_made_while_the_clocks_differ_since_it_would_not_end_in_time(
    gate: Gate, destination: S3, seconds: int
) -> None:
    gate.skew = timedelta(seconds=seconds)
    photo = item()
    with pytest.raises(UploadError, match="clock") as caught:
        destination.put(photo, Wish(audience=Audience.LINK, expires=datetime.now(UTC) + timedelta(hours=1)))
    assert any(f"{abs(seconds) + off} s" in str(caught.value) for off in (-1, 0, 1))
    assert objects(destination, photo.name) == 0


@pytest.mark.parametrize("seconds", [-20, 20])
def test_clocks_that_differ_by_less_are_good_enough_for_a_link(gate: Gate, destination: S3, seconds: int) -> None:
    gate.skew = timedelta(seconds=seconds)
    placed = destination.put(item(), Wish(audience=Audience.LINK, expires=datetime.now(UTC) + timedelta(hours=1)))
    assert placed.link
    destination.delete(placed.handle)


def test_a_certificate_of_nobody_known_is_refused() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] -- the client hangs up, as it should
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.raises(UntrustedError, match="certificate"):
            connect(f"https://127.0.0.1:{server.server_port}").check(Wish())
    finally:
        server.shutdown()
        server.server_close()
