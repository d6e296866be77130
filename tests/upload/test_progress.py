"""Every destination tells how many bytes of a photo have left, while they leave."""

import io
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Destination, Item, Wish, clear
from cloak.upload.destinations.immich import Immich
from cloak.upload.destinations.mastodon import Mastodon
from cloak.upload.destinations.nextcloud import Nextcloud
from cloak.upload.destinations.pixelfed import Pixelfed
from cloak.upload.destinations.s3 import S3
from cloak.upload.destinations.sftp import Sftp
from cloak.upload.destinations.webdav import WebDav
from cloak.upload.ledger import Ledger
from cloak.upload.send import Backoff, Parcel, deliver

from .servers import s3rver, sshd, wsgidav
from .servers.gate import Gate
from .servers.immich_fake import ImmichFake
from .servers.loopback import Cut
from .servers.mastodon_fake import MastodonFake
from .servers.nextcloud_fake import NextcloudFake
from .servers.s3rver import BUCKET, KEY


def large() -> Item:
    """A photo of which the network takes more than one packet."""
    file = io.BytesIO()
    Image.effect_noise((500, 400), 100).convert("RGB").save(file, "PNG")
    return Item(name=f"{secrets.token_hex(16)}.png", file=clear(file.getvalue()))


@contextmanager
def webdav(folder: Path) -> Iterator[Destination]:
    with wsgidav.running(folder) as address:
        yield WebDav.open({"url": f"{address}/x", "user": wsgidav.USER}, held(password=wsgidav.PASSWORD))


@contextmanager
def nextcloud(folder: Path) -> Iterator[Destination]:
    with wsgidav.running(folder) as address:
        fake = NextcloudFake(address, folder / "files", wsgidav.USER, wsgidav.PASSWORD)
        with fake.running():
            settings = {"url": fake.address, "user": wsgidav.USER, "folder": "cloak"}
            yield Nextcloud.open(settings, held(password=wsgidav.PASSWORD))


@contextmanager
def sftp(folder: Path) -> Iterator[Destination]:
    with sshd.running(folder) as server:
        yield Sftp.open(server.settings(), held())


@contextmanager
def s3(folder: Path) -> Iterator[Destination]:
    with s3rver.running(folder) as server, s3rver.Gate(server).running() as address:
        settings = {"bucket": BUCKET, "endpoint": address}
        yield S3.open(settings, Credentials("d", {"d.access-key-id": KEY, "d.secret-access-key": KEY}.get))


@contextmanager
def mastodon(folder: Path) -> Iterator[Destination]:
    del folder
    fake = MastodonFake()
    with fake.running():
        yield Mastodon.open({"server": fake.address}, Credentials("d", {"d.access-token": fake.token()}.get))


@contextmanager
def pixelfed(folder: Path) -> Iterator[Destination]:
    del folder
    fake = MastodonFake(pixelfed=True)
    with fake.running():
        yield Pixelfed.open({"server": fake.address}, Credentials("d", {"d.access-token": fake.token()}.get))


@contextmanager
def immich(folder: Path) -> Iterator[Destination]:
    del folder
    fake = ImmichFake(version=(3, 0, 3))
    with fake.running():
        yield Immich.open({"server": fake.address}, Credentials("d", {"d.api-key": fake.key()}.get))


def held(**secrets: str) -> Credentials:
    return Credentials("d", {f"d.{name}": value for name, value in secrets.items()}.get)


@pytest.mark.parametrize("kind", [webdav, nextcloud, sftp, s3, mastodon, pixelfed, immich])
def test_bytes_are_told_while_they_leave_up_to_the_last_and_each_once(kind: Callable[..., object], tmp_path: Path):
    told: list[int] = []
    one = replace(large(), told=told.append)
    with kind(tmp_path) as destination, closing(destination):
        destination.put(one, Wish(audience=next(iter(destination.AUDIENCES))))
    size = len(one.file.data)
    assert told, "nothing was told"
    assert told == sorted(told), "what was sent once was told twice"
    assert size <= told[-1] <= size + 2000, "a form around it is small"
    assert max(now - before for before, now in pairwise([0, *told])) <= 1 << 16


def test_a_try_that_is_cut_off_begins_anew_and_more_than_the_file_is_never_told(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    path = tmp_path / "a.png"
    path.write_bytes(large().file.data)
    told: list[tuple[int, int]] = []
    with wsgidav.running(tmp_path) as server, Ledger.open() as ledger, (gate := Gate(server)).running() as address:
        destination = WebDav.open({"url": f"{address}/x", "user": wsgidav.USER}, held(password=wsgidav.PASSWORD))
        destination.check(Wish())
        gate.fail("PUT", "/x", Cut.AFTER_BODY)
        backoff, parcels = Backoff(first=0.01, most=0.01), [Parcel(source=path, path=path)]
        results = deliver(
            parcels, destination, ledger, place="d", wish=Wish(), backoff=backoff, told=lambda _, *n: told.append(n)
        )
        (sent,) = results
        destination.close()
    assert sent.placed
    assert sent.placed.audience is Audience.OWNER
    size = path.stat().st_size
    assert [total for _, total in told] == [size] * len(told)
    done = [now for now, _ in told]
    assert max(done) == done[-1] == size
    assert sum(now < before for before, now in pairwise(done)) == 1
