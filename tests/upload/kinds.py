"""One destination of each kind, with a server of its own: what tests of all of them need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloak.upload.credentials import Credentials
from cloak.upload.destination import Destination
from cloak.upload.destinations.immich import Immich
from cloak.upload.destinations.mastodon import Mastodon
from cloak.upload.destinations.nextcloud import Nextcloud
from cloak.upload.destinations.pixelfed import Pixelfed
from cloak.upload.destinations.s3 import S3
from cloak.upload.destinations.sftp import Sftp
from cloak.upload.destinations.webdav import WebDav

from .servers import s3rver, sshd, wsgidav
from .servers.immich_fake import ImmichFake
from .servers.mastodon_fake import MastodonFake
from .servers.nextcloud_fake import NextcloudFake
from .servers.s3rver import BUCKET, KEY


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


REMOTE = (webdav, nextcloud, sftp, s3, mastodon, pixelfed, immich)
"""All that are over a network."""
