"""What goes wrong on the way to WebDAV: wsgidav behind a gate or a wire that fails when it is told to."""

import io
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from PIL import Image

from cloak.errors import CredentialsError, TransferError, TransientError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Item, Wish, clear
from cloak.upload.destinations.webdav import WebDav

from .items import item
from .servers import wsgidav
from .servers.gate import Gate
from .servers.loopback import Answer, Cut
from .servers.proxy import Proxy


def connect(address: str, password: str = wsgidav.PASSWORD) -> WebDav:
    held = {"test.password": password}
    return WebDav.open({"url": f"{address}/photos", "user": wsgidav.USER}, Credentials("test", held.get))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wsgidav")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with wsgidav.running(folder) as address:
        yield address


@pytest.fixture
def gate(server: str) -> Iterator[Gate]:
    gate = Gate(server)
    with gate.running():
        yield gate


@pytest.fixture
def destination(gate: Gate) -> Iterator[WebDav]:
    made = connect(gate.address)
    made.check(Wish())
    gate.requests.clear()
    yield made
    made.close()


def large() -> Item:
    """A photo of which the network takes more than one packet."""
    file = io.BytesIO()
    Image.effect_noise((400, 400), 100).convert("RGB").save(file, "PNG")
    return Item(name=f"{secrets.token_hex(16)}.png", file=clear(file.getvalue()))


def copies(folder: Path, name: str) -> list[int]:
    """The sizes of all files of a name on the server."""
    return [path.stat().st_size for path in (folder / "files").rglob(name)]


def test_a_wrong_password_ends_the_upload_and_is_not_shown(server):
    made = connect(server, "wrong-s3cret")
    for call in (lambda: made.check(Wish()), lambda: made.put(item(), Wish()), lambda: made.find("a.jpg")):
        with pytest.raises(CredentialsError, match="answered 401: check user and password") as error:
            call()
        assert "wrong-s3cret" not in str(error.value)
    made.close()


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("method", ["PUT", "HEAD", "GET"])
def test_a_connection_cut_at_any_phase_is_worth_another_try_and_leaves_one_photo(
    destination, gate, folder, method, cut
):
    one = item()
    gate.fail(method, "/photos", cut)
    with pytest.raises(TransientError, match="the connection failed") as error:
        destination.put(one, Wish())
    assert copies(folder, one.name) == []
    assert "may still be there" not in str(error.value)
    placed = destination.put(one, Wish())
    assert placed.audience is Audience.OWNER
    assert copies(folder, one.name) == [len(one.file.data)]


def test_when_the_server_is_gone_for_good_the_message_says_where_a_photo_may_be(destination, gate, folder):
    one = item()
    gate.fail("PUT", "/photos", Cut.BEFORE_ANSWER)
    gate.fail("DELETE", "/photos", Cut.BEFORE_BODY)
    with pytest.raises(TransientError, match=f"photos/{one.name} may still be there"):
        destination.put(one, Wish())
    handle = destination.find(one.name)
    assert handle is not None
    destination.delete(handle)
    assert copies(folder, one.name) == []


@pytest.mark.parametrize("after", [500, 5_000, 60_000])
def test_a_wire_cut_in_the_middle_of_a_photo_leaves_none(server, folder, after):
    one = large()
    with Proxy(int(server.rpartition(":")[2])).running() as wire:
        made = connect(f"http://127.0.0.1:{wire.port}")
        made.check(Wish())
        made.close()
        made = connect(f"http://127.0.0.1:{wire.port}")
        wire.sent = after
        with pytest.raises(TransientError):
            made.put(one, Wish())
        wire.heal()
        placed = made.put(one, Wish())
        assert copies(folder, one.name) == [len(one.file.data)]
        made.delete(placed.handle)
        made.close()
    assert copies(folder, one.name) == []


@pytest.mark.parametrize("status", [423, 429, 502, 503])
def test_a_busy_server_is_left_alone_for_as_long_as_it_says(destination, gate, status):
    gate.fail("PUT", "/photos", Answer(status, headers={"Retry-After": "7"}))
    with pytest.raises(TransientError, match=f"answered {status}") as error:
        destination.put(item(), Wish())
    assert error.value.after == 7
    assert [method for method, _ in gate.requests].count("DELETE") == 0


def test_a_server_may_say_the_time_until_which_to_wait(destination, gate):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    gate.fail("PUT", "/photos", Answer(503, headers={"Retry-After": date}))
    with pytest.raises(TransientError) as error:
        destination.put(item(), Wish())
    assert error.value.after == pytest.approx(100, abs=3)


@pytest.mark.parametrize("said", ["soon", "-5", "²", ""])
def test_nonsense_about_waiting_is_no_reason_to_fail(destination, gate, said):
    gate.fail("PUT", "/photos", Answer(503, headers={"Retry-After": said.encode().decode("latin-1")}))
    with pytest.raises(TransientError) as error:
        destination.put(item(), Wish())
    assert error.value.after is None


def test_a_full_server_ends_the_upload(destination, gate, folder):
    one = item()
    gate.fail("PUT", "/photos", Answer(507))
    with pytest.raises(UploadError, match="answered 507: it is full") as error:
        destination.put(one, Wish())
    assert not isinstance(error.value, TransferError)
    assert copies(folder, one.name) == []


def test_a_disk_that_fills_up_while_a_photo_is_written_leaves_nothing_behind(tmp_path):
    with wsgidav.running(tmp_path, blocks=32) as address:
        made, one = connect(address), large()
        made.check(Wish())
        with pytest.raises(TransientError, match="answered 500") as error:
            made.put(one, Wish())
        assert "may still be there" not in str(error.value)
        assert copies(tmp_path, one.name) == []
        assert made.put(item(), Wish()).audience is Audience.OWNER
        made.close()


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_server_that_sends_us_elsewhere_is_not_followed(destination, gate, status):
    gate.fail("PUT", "/photos", Answer(status, headers={"Location": "http://evil.example/photos"}))
    with pytest.raises(UploadError, match=r"to 'http://evil.example/photos': use that address if it is right"):
        destination.put(item(), Wish())


def test_a_photo_that_arrived_short_is_not_taken_for_whole(destination, gate, folder):
    one = item()
    gate.fail("HEAD", "/photos", Answer(200, headers={"Content-Length": "10"}))
    with pytest.raises(TransientError, match="has 10 bytes after"):
        destination.put(one, Wish())
    assert copies(folder, one.name) == []


def test_the_size_that_an_answer_to_head_does_not_tell_is_asked_for(destination, gate, folder):
    one = item()
    gate.fail("HEAD", "/photos", Answer(200, headers={"Content-Length": ""}))
    destination.put(one, Wish())
    assert copies(folder, one.name) == [len(one.file.data)]


def test_a_photo_whose_size_is_told_nowhere_is_not_taken_for_whole(destination, gate, folder):
    one = item()
    gate.fail("HEAD", "/photos", Answer(200, headers={"Content-Length": ""}))
    gate.fail("PROPFIND", f"/photos/{one.name}", Answer(207, b"<a/>"))
    with pytest.raises(TransferError, match="does not say how large") as error:
        destination.put(one, Wish())
    assert not isinstance(error.value, TransientError)
    assert copies(folder, one.name) == []


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        ('Digest realm="x, y", nonce="z", qop="auth-int"', "it lets nobody in but by Digest, and only Basic and"),
        ("Negotiate, NTLM", "it lets nobody in but by Negotiate or NTLM, and"),
        ('Digest realm="x", Basic realm="x"', "check user and password"),
    ],
)
def test_a_way_to_sign_in_that_is_not_known_here_is_said_to_be_the_reason(destination, gate, offered, said):
    gate.fail("PUT", "/photos", Answer(401, headers={"WWW-Authenticate": offered}))
    with pytest.raises(CredentialsError, match=f"answered 401: {said}"):
        destination.put(item(), Wish())


def test_a_deletion_that_did_nothing_is_not_taken_for_one(destination, gate):
    placed = destination.put(item(), Wish())
    gate.fail("DELETE", "/photos", Answer(204))
    with pytest.raises(TransferError, match="still there after it was deleted"):
        destination.delete(placed.handle)
    destination.delete(placed.handle)


def test_a_server_that_is_something_else_says_so(gate, destination):
    for body in (b"<html>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"):
        gate.fail("PROPFIND", "/photos", Answer(207, body, {"Content-Type": "application/xml"}))
        with pytest.raises(TransferError, match="does not speak WebDAV"):
            destination.find(item().name)
