"""WebDAV that lets people in by Digest: wsgidav, behind a gate that listens, or asks for other things."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from cloak.errors import CredentialsError, TransientError
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations import sign_in
from cloak.upload.destinations.sign_in import challenges
from cloak.upload.destinations.webdav import WebDav

from .contract import Contract
from .items import item
from .kinds import held
from .servers import wsgidav
from .servers.gate import Gate
from .servers.loopback import Answer, Request

DIGEST = 'Digest realm="/", nonce="{}", algorithm={}, qop="auth"'


class Listening(Gate):
    """Notes how each request signs in, and the bodies of photos.

    Attributes:
        ways: scheme of each request; "" without.
        bodies: of each PUT, in full.
        asks: what it asks for instead of the server behind it, as headers say; "" for the server's own.
    """

    def __init__(self, server: str) -> None:
        super().__init__(server)
        self.ways: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.asks = ""

    def answer(self, request: Request) -> Answer:
        self.ways.append((request.method, request.headers.get("Authorization", "").partition(" ")[0]))
        if request.method == "PUT":
            self.bodies.append(request.data)
        made = super().answer(request)
        if self.asks and made.status == 401:
            own = next(value for name, value in made.headers.items() if name.lower() == "www-authenticate")
            kept = {name: value for name, value in made.headers.items() if name.lower() != "www-authenticate"}
            return Answer(401, made.body, {**kept, "WWW-Authenticate": self.asks.replace("OWN", own)})
        return made

    def sent(self, way: str) -> list[str]:
        """The methods of requests that signed in by a scheme."""
        return [method for method, used in self.ways if used == way]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digest")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with wsgidav.running(folder, digest=True) as address:
        yield address


@pytest.fixture
def gate(server: str) -> Iterator[Listening]:
    gate = Listening(server)
    with gate.running():
        yield gate


@contextmanager
def opened(address: str, password: str = wsgidav.PASSWORD) -> Iterator[WebDav]:
    settings = {"url": f"{address}/photos", "user": wsgidav.USER}
    with closing(WebDav.open(settings, held(password=password))) as destination:
        yield destination


class TestDigest(Contract):
    @pytest.fixture
    def destination(self, server: str, request: pytest.FixtureRequest) -> Iterator[WebDav]:
        with opened(f"{server}/{abs(hash(request.node.name))}") as destination:
            destination._dav.http.call("MKCOL", f"{destination._dav.root.removesuffix('/photos')}/", "make a folder")
            destination.check(Wish())
            yield destination

    @pytest.fixture
    def secrets(self) -> tuple[str, ...]:
        return ("wrong-s3cret",)

    @pytest.fixture
    def broken(self, server: str) -> Iterator[WebDav]:
        with opened(server, "wrong-s3cret") as destination:
            yield destination


def test_the_password_never_travels_and_each_photo_does_once(gate):
    with opened(gate.address) as destination:
        destination.check(Wish())
        gate.bodies.clear()
        photos = [item(seed=seed) for seed in range(3)]
        for one in photos:
            assert destination.put(one, Wish()).audience is Audience.OWNER
    assert gate.bodies == [one.file.data for one in photos]
    assert gate.sent("Basic") == []
    assert gate.ways[0] == ("PROPFIND", "")
    assert {method for method, used in gate.ways[1:] if not used} == {"GET"}  # as somebody without an account


def test_a_photo_is_sent_whole_once_more_where_the_nonce_has_run_out(gate, folder):
    with opened(gate.address) as destination:
        destination.check(Wish())
        one, stale = item(), f"{DIGEST.format('new', 'MD5')}, stale=true"
        gate.fail("PUT", "/photos", Answer(401, headers={"WWW-Authenticate": stale}))
        destination.put(one, Wish())
        (path,) = (folder / "files").rglob(one.name)
    assert path.read_bytes() == one.file.data


def test_a_photo_is_not_sent_for_nothing_where_the_nonce_may_have_run_out(gate, monkeypatch):
    with opened(gate.address) as destination:
        destination.check(Wish())
        monkeypatch.setattr(sign_in, "_FRESH", -1.0)
        gate.ways.clear()
        gate.bodies.clear()
        destination.put(item(), Wish())
    assert gate.ways[:2] == [("PROPFIND", ""), ("PUT", "Digest")]
    assert [method for method, used in gate.ways[2:] if not used] == ["GET"]
    assert len(gate.bodies) == 1


def test_a_folder_that_everybody_may_look_into_is_no_reason_to_stop(gate, monkeypatch):
    with opened(gate.address) as destination:
        destination.check(Wish())
        monkeypatch.setattr(sign_in, "_FRESH", -1.0)
        gate.fail("PROPFIND", "/photos", Answer(207, b"<a/>"))
        destination.put(item(), Wish())
    assert gate.sent("Basic") == []


def test_a_wrong_password_is_said_and_not_shown(gate):
    with opened(gate.address, "wrong-s3cret") as destination:
        for call in (lambda: destination.check(Wish()), lambda: destination.put(item(), Wish())):
            with pytest.raises(CredentialsError, match="answered 401: check user and password") as error:
                call()
            assert "wrong-s3cret" not in str(error.value)
    assert gate.sent("PUT") == gate.bodies == []


@pytest.mark.parametrize("asks", ['OWN, Basic realm="x"', 'Negotiate, OWN, Basic realm="x, y"', "NTLM, OWN"])
def test_digest_is_taken_where_it_comes_before_basic(gate, asks):
    gate.asks = asks
    with opened(gate.address) as destination:
        destination.check(Wish())
    assert gate.sent("Basic") == []


def test_basic_is_taken_where_it_comes_before_digest(tmp_path):
    with wsgidav.running(tmp_path) as address, (gate := Listening(address)).running():
        gate.asks = f"OWN, {DIGEST.format('n', 'MD5')}"
        with opened(gate.address) as destination:
            destination.check(Wish())
            destination.put(item(), Wish())
        assert gate.sent("Digest") == []
        assert len(gate.bodies) == 2  # one of them to try it


def test_of_several_digests_the_first_that_can_be_done_is_taken(gate):
    gate.asks = f"{DIGEST.format('n', 'SHA-512-256')}, OWN"
    with opened(gate.address) as destination:
        destination.check(Wish())


def test_a_server_that_changes_its_mind_is_followed(gate, folder):
    """One that says at first that it wants Basic, as a proxy before it may."""
    with opened(gate.address) as destination:
        gate.fail("PROPFIND", "/photos", Answer(401, headers={"WWW-Authenticate": 'Basic realm="x"'}))
        destination.check(Wish())
        one = item()
        destination.put(one, Wish())
    assert gate.sent("Basic") == ["PROPFIND"]
    assert [path.read_bytes() for path in (folder / "files").rglob(one.name)] == [one.file.data]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_when_it_is_asked_is_left_alone(gate, status):
    gate.fail("PROPFIND", "/photos", Answer(status, headers={"Retry-After": "7"}))
    with opened(gate.address) as destination:
        with pytest.raises(TransientError) as error:
            destination.check(Wish())
        assert error.value.after == 7
        assert len(gate.requests) == 1
        destination.check(Wish())


@pytest.mark.parametrize(
    ("offered", "found"),
    [
        (["Basic"], [("Basic", "basic")]),
        (['Basic realm="a, Digest b"'], [("Basic", "basic")]),
        (["Negotiate", 'Digest realm="x", nonce="y"'], [("Negotiate", None), ("Digest", "digest")]),
        (['NTLM, digest nonce=y, realm="a \\" NTLM b"'], [("NTLM", None), ("digest", "digest")]),
        (['Digest realm="x", nonce="y", Basic realm=z'], [("Digest", "digest"), ("Basic", "basic")]),
        (['Digest realm="x", nonce="y", algorithm=SHA-256'], [("Digest", "digest")]),
        (['Digest realm="x", nonce="y", algorithm=SHA-512-256'], [("Digest", None)]),
        (['Digest realm="x", nonce="y", qop="auth-int"'], [("Digest", None)]),
        (['Digest realm="x", nonce="y", qop="auth-int, auth"'], [("Digest", "digest")]),
        (['Digest realm="x"'], [("Digest", None)]),
        (["Negotiate dG9rZW4="], [("Negotiate", None)]),
        ([], []),
    ],
)  # fmt: skip
def test_what_a_server_offers_is_understood(offered, found):
    answer = httpx.Response(401, headers=[("WWW-Authenticate", one) for one in offered])
    assert [(one.scheme, one.way) for one in challenges(answer)] == found
    assert all(re.match(r"\w+", one.text) for one in challenges(answer))
