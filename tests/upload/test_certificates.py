"""A server that does not prove who it is gets nothing, whatever is spoken: not the photo, and not the password."""

import datetime as dt
import os
import socket
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from cloak.errors import TransientError, UnreachableError, UntrustedError
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.webdav import WebDav

from . import sites
from .items import item
from .kinds import held
from .servers import wsgidav
from .servers.loopback import Cut, Loopback

KINDS = (sites.webdav, sites.nextcloud, sites.s3_with_links, sites.mastodon, sites.immich)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this test trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"):  # of the libraries below, and go first
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


def certificate(authority: trustme.CA, folder: Path, kind: str) -> tuple[Path, Path]:
    """Write a server's chain and key."""
    ended = {"not_after": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)} if kind == "expired" else {}
    signed = trustme.CA() if kind == "of nobody known" else authority
    made = signed.issue_cert("example.org" if kind == "of another server" else "127.0.0.1", **ended)
    chain, key = folder / "chain.pem", folder / "key.pem"
    made.cert_chain_pems[0].write_to_path(chain)
    made.private_key_pem.write_to_path(key)
    return chain, key


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("expired", "has expired.*date of this computer"),
        ("of nobody known", "does not prove who it is.*SSL_CERT_FILE"),
        ("of another server", "is that of another server"),
    ],
)
@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.__name__)
def test_a_server_with_a_bad_certificate_is_sent_nothing(
    authority: trustme.CA, tmp_path: Path, kind: Callable[..., object], bad: str, reason: str
) -> None:
    with (
        kind(tmp_path, certificate(authority, tmp_path, bad)) as site,
        closing(sites.opened(site)) as destination,
    ):
        for call in (lambda: destination.check(Wish()), lambda: destination.put(item(), Wish())):
            with pytest.raises(UntrustedError, match=reason):
                call()
        assert site.server.requests == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.__name__)
def test_a_server_with_a_good_certificate_gets_photos(
    authority: trustme.CA, tmp_path: Path, kind: Callable[..., object]
) -> None:
    with (
        kind(tmp_path, certificate(authority, tmp_path, "good")) as site,
        closing(sites.opened(site)) as destination,
    ):
        destination.check(Wish())
        placed = destination.put(item(), Wish())
        assert placed.audience is Audience.OWNER
        destination.delete(placed.handle)


@pytest.mark.parametrize("bad", ["expired", "of nobody known", "of another server"])
def test_wsgidav_with_a_bad_certificate_gets_no_file(authority: trustme.CA, tmp_path: Path, bad: str) -> None:
    with (
        wsgidav.running(tmp_path, certificate=certificate(authority, tmp_path, bad)) as address,
        closing(_wsgidav(address)) as destination,
    ):
        for call in (lambda: destination.check(Wish()), lambda: destination.put(item(), Wish())):
            with pytest.raises(UntrustedError):
                call()
    assert [*(tmp_path / "files").iterdir()] == []


def test_wsgidav_with_a_good_certificate_gets_photos(authority: trustme.CA, tmp_path: Path) -> None:
    with (
        wsgidav.running(tmp_path, certificate=certificate(authority, tmp_path, "good")) as address,
        closing(_wsgidav(address)) as destination,
    ):
        destination.check(Wish())
        placed = destination.put(item(), Wish())
        assert placed.handle.startswith("https://")
        assert placed.audience is Audience.OWNER


def _wsgidav(address: str) -> WebDav:
    return WebDav.open({"url": f"{address}/photos", "user": wsgidav.USER}, held(password=wsgidav.PASSWORD))


def _in_the_clear(handler: BaseHTTPRequestHandler) -> None:
    """End a connection as a proxy does whose part that speaks TLS has died: with an answer that is not encrypted."""
    handler.close_connection = True
    with socket.socket(fileno=os.dup(handler.connection.fileno())) as plain:
        plain.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("kind", "sending"),
    [
        (sites.webdav, "PUT /"),
        (sites.s3_with_links, "PUT /"),
        (sites.mastodon, "POST /api/v2/media"),
        (sites.immich, "POST /api/assets"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_tls_that_fails_after_a_photo_was_sent_is_no_server_out_of_reach(
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[..., object],
    sending: str,
) -> None:
    with (
        kind(tmp_path, certificate(authority, tmp_path, "good")) as site,
        closing(sites.opened(site)) as destination,
    ):
        destination.check(Wish())
        monkeypatch.setattr(Loopback, "_cut", staticmethod(_in_the_clear))
        site.server.fail(*sending.split(), Cut.BEFORE_ANSWER)
        photo = item()
        with pytest.raises(TransientError) as caught:
            destination.put(photo, Wish())
        assert not isinstance(caught.value, UnreachableError)
        assert not site.server.faults
