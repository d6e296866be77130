"""The contract of all destinations, kept by S3, Mastodon, Pixelfed and Immich."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cloak.errors import TransferError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Destination, Wish
from cloak.upload.destinations.immich import Immich
from cloak.upload.destinations.mastodon import Mastodon
from cloak.upload.destinations.pixelfed import Pixelfed
from cloak.upload.destinations.s3 import S3

from .contract import Contract
from .items import item
from .servers import s3rver as s3rver_server
from .servers.immich_fake import ImmichFake
from .servers.mastodon_fake import MastodonFake
from .servers.programs import free_port
from .servers.s3rver import BUCKET, KEY, Gate

SECRET = "a-secret-that-nobody-sees"  # noqa: S105 -- it is in no use


@pytest.fixture(scope="module")
def s3rver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3rver_server.running(tmp_path_factory.mktemp("s3rver")) as server:
        yield server


class TestS3(Contract):
    """s3rver behind a gate that refuses requests without credentials."""

    @pytest.fixture
    def destination(self, s3rver: str) -> Iterator[Destination]:
        gate = Gate(s3rver)
        with gate.running() as address:
            made = open_s3(address, KEY)
            yield made
            made.close()

    @pytest.fixture
    def secrets(self) -> tuple[str, ...]:
        return (SECRET,)

    @pytest.fixture
    def broken(self) -> Iterator[Destination]:
        made = open_s3(f"http://127.0.0.1:{free_port()}", SECRET)
        yield made
        made.close()


def open_s3(address: str, secret: str) -> S3:
    keys = {"s3.access-key-id": KEY, "s3.secret-access-key": secret}
    return S3.open({"bucket": BUCKET, "endpoint": address}, Credentials("s3", keys.get))


class TestMastodon(Contract):
    albums = False
    kind: type[Mastodon] = Mastodon
    pixelfed = False

    @pytest.fixture
    def fake(self) -> Iterator[MastodonFake]:
        fake = MastodonFake(pixelfed=self.pixelfed)
        with fake.running():
            yield fake

    @pytest.fixture
    def destination(self, fake: MastodonFake) -> Iterator[Destination]:
        made = self.connect(fake.address, fake.token())
        yield made
        made.close()

    @pytest.fixture
    def secrets(self) -> tuple[str, ...]:
        return (SECRET,)

    @pytest.fixture
    def broken(self, fake: MastodonFake) -> Iterator[Destination]:
        made = self.connect(fake.address, SECRET)
        yield made
        made.close()

    def connect(self, address: str, token: str) -> Mastodon:
        return self.kind.open({"server": address}, Credentials("m", {"m.access-token": token}.get))


class TestPixelfed(TestMastodon):
    wish = Wish(audience=Audience.FOLLOWERS)
    kind = Pixelfed
    pixelfed = True


@pytest.mark.parametrize("version", [(2, 7, 5), (3, 0, 3)], ids=["2.7", "3.0"], scope="class")
class TestImmich(Contract):
    @pytest.fixture
    def fake(self, version: tuple[int, int, int]) -> Iterator[ImmichFake]:
        fake = ImmichFake(version=version)
        with fake.running():
            yield fake

    @pytest.fixture
    def destination(self, fake: ImmichFake) -> Iterator[Destination]:
        made = self.connect(fake.address, fake.key())
        yield made
        made.close()

    @pytest.fixture
    def secrets(self) -> tuple[str, ...]:
        return (SECRET,)

    @pytest.fixture
    def broken(self, fake: ImmichFake) -> Iterator[Destination]:
        made = self.connect(fake.address, SECRET)
        yield made
        made.close()

    def connect(self, address: str, key: str) -> Immich:
        return Immich.open({"server": address}, Credentials("i", {"i.api-key": key}.get))

    def test_the_same_content_twice_is_two_uploads(self, destination: Any) -> None:
        """It cannot be: the server keeps one. The second is refused, and the first untouched."""
        first = destination.put(item(seed=1), self.wish)
        with pytest.raises(TransferError, match="already"):
            destination.put(item(seed=1), self.wish)
        assert destination.look(first.handle) is not None

    def test_the_audience_is_never_wider_than_wished(self, destination: Any) -> None:
        """As in the contract, with another photo each time."""
        for seed, audience in enumerate(destination.AUDIENCES):
            placed = destination.put(item(seed=seed), replace(self.wish, audience=audience))
            assert placed.audience is audience
            assert destination.look(placed.handle).audience is audience
