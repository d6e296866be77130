"""What may travel unencrypted, since it stays on this computer, is not handed to a proxy, which may be anywhere."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloak.errors import ConfigError
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.http import connections
from cloak.upload.destinations.s3 import S3

from . import sites
from .items import item
from .kinds import held
from .servers.loopback import Answer, Loopback, Request

KINDS = (sites.webdav, sites.nextcloud, sites.s3_with_links, sites.mastodon, sites.pixelfed, sites.immich)


class Curious(Loopback):
    """A proxy that notes what it is asked to pass on."""

    def answer(self, request: Request) -> Answer:  # noqa: ARG002
        return Answer(502)


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Curious]:
    made = Curious()
    with made.running() as address:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
            monkeypatch.setenv(name.lower(), address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield made


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.__name__)
def test_a_server_on_this_computer_is_asked_without_the_proxy_that_others_need(
    kind: Callable[..., object], tmp_path: Path, proxy: Curious
) -> None:
    with kind(tmp_path) as site, closing(sites.opened(site)) as destination:
        audience = next(one for one in (Audience.LINK, *destination.AUDIENCES) if one in destination.AUDIENCES)
        wish = Wish(audience=audience, expires=datetime.now(UTC) + timedelta(days=2))
        destination.check(wish)
        placed = destination.put(item(), wish)
        assert destination.look(placed.handle) is not None
        destination.delete(placed.handle)
    assert proxy.requests == []


def test_an_endpoint_of_the_aws_tools_on_this_computer_is_asked_without_a_proxy(
    tmp_path: Path, proxy: Curious, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sites.s3_with_links(tmp_path) as site:
        monkeypatch.setenv("AWS_ENDPOINT_URL", site.settings["endpoint"])
        settings = {"bucket": site.settings["bucket"], "region": "us-east-1", "addressing": "path"}
        with closing(S3.open(settings, held(**site.held))) as destination:
            destination.check(Wish())
    assert proxy.requests == []


def test_an_endpoint_of_the_aws_tools_that_is_not_encrypted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.example.org")
    with pytest.raises(ConfigError, match="unencrypted"):
        S3.open({"bucket": "photos", "region": "us-east-1"}, held(**{"access-key-id": "a", "secret-access-key": "b"}))


@pytest.mark.parametrize("address", ["http://localhost:1/x", "https://LOCALHOST", "http://127.0.0.2", "http://[::1]:1"])
def test_this_computer_is_known_by_all_its_names_and_other_servers_keep_the_proxy(address: str) -> None:
    with connections(address) as client:
        assert client._transport_for_url(client._merge_url(address)) is client._transport
        assert client._transport_for_url(client._merge_url("https://example.org")) is not client._transport
