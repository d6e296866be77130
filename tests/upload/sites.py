"""Destinations as people set them up, each with a server of its own that can be told to fail."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from cloak.upload.credentials import Credentials
from cloak.upload.destination import Destination
from cloak.upload.destinations import load

from .servers import moto, s3rver, sshd, wsgidav
from .servers.gate import Gate
from .servers.immich_fake import ImmichFake
from .servers.loopback import Answer
from .servers.mastodon_fake import MastodonFake
from .servers.nextcloud_fake import NextcloudFake
from .servers.proxy import Proxy

Certificate = tuple[Path, Path] | None
"""Chain and key of a server that speaks TLS only."""

BROKEN = Answer(500, {"error": "Internal Server Error", "message": "Internal Server Error"})


@dataclass(frozen=True, kw_only=True)
class Site:
    """A destination and its server.

    Attributes:
        kind: of destination.
        settings: what `cloak upload setup` asks for.
        held: secrets by name.
        break_down: has the server fail from now on, after it let us in.
        mend: has it work again.
        audience: option of `cloak upload` for the fewest people that it can do.
        server: what tests look at, or tell what to do.
    """

    kind: str
    settings: Mapping[str, str]
    held: Mapping[str, str]
    break_down: Callable[[], None]
    mend: Callable[[], None]
    audience: str = "--private"
    server: object = None

    def table(self, name: str) -> str:
        """Return its part of ``config.toml``."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in {"kind": self.kind, **self.settings}.items()]
        return "\n".join([f"[destinations.{name}]", *lines, ""])


@contextmanager
def webdav(folder: Path, certificate: Certificate = None) -> Iterator[Site]:
    with wsgidav.running(folder) as address:
        gate = Gate(address)
        with gate.running(certificate):
            yield Site(
                kind="webdav",
                settings={"url": f"{gate.address}/x", "user": wsgidav.USER},
                held={"password": wsgidav.PASSWORD},
                break_down=lambda: gate.fail("PUT", "/", BROKEN, times=99),
                mend=gate.faults.clear,
                server=gate,
            )


@contextmanager
def nextcloud(folder: Path, certificate: Certificate = None) -> Iterator[Site]:
    with wsgidav.running(folder) as address:
        fake = NextcloudFake(address, folder / "files", wsgidav.USER, wsgidav.PASSWORD)
        with fake.running(certificate):
            yield Site(
                kind="nextcloud",
                settings={"url": fake.address, "user": wsgidav.USER, "folder": "cloak"},
                held={"password": wsgidav.PASSWORD},
                break_down=lambda: fake.fail("PUT", "/", BROKEN, times=99),
                mend=fake.faults.clear,
                server=fake,
            )


@contextmanager
def sftp(folder: Path) -> Iterator[Site]:
    with sshd.running(folder, password=True) as server, Proxy(server.port).running() as wire:
        hosts = folder / "hosts"
        hosts.write_text(server.known_hosts.read_text().replace(f":{server.port} ", f":{wire.port} "))
        settings = server.settings(port=str(wire.port), **{"known-hosts": str(hosts)})
        yield Site(
            kind="sftp",
            settings={name: value for name, value in settings.items() if name != "key"},
            held={"password": sshd.PASSWORD},
            break_down=lambda: setattr(wire, "sent", 4_000),
            mend=wire.heal,
            server=server,
        )


@contextmanager
def s3(folder: Path) -> Iterator[Site]:
    with moto.running(folder) as server:
        bucket = server.bucket("photos")
        server.judge_keys(judge=True)
        gate = Gate(server.address)
        with gate.running():
            yield Site(
                kind="s3",
                settings={"bucket": bucket, "endpoint": gate.address},
                held={"access-key-id": server.key, "secret-access-key": server.secret},
                break_down=lambda: gate.fail("PUT", "/", Answer(500, _S3_ERROR), times=99),
                mend=gate.faults.clear,
                server=server,
            )


@contextmanager
def s3_with_links(folder: Path, certificate: Certificate = None) -> Iterator[Site]:
    """One that ends links, and has one key for everything."""
    with s3rver.running(folder) as server:
        gate = s3rver.Gate(server)
        with gate.running(certificate):
            yield Site(
                kind="s3",
                settings={"bucket": s3rver.BUCKET, "endpoint": gate.address},
                held={"access-key-id": s3rver.KEY, "secret-access-key": s3rver.KEY},
                break_down=lambda: gate.fail("PUT", "/", Answer(500, _S3_ERROR), times=99),
                mend=gate.faults.clear,
                server=gate,
            )


@contextmanager
def mastodon(folder: Path, certificate: Certificate = None, *, pixelfed: bool = False) -> Iterator[Site]:
    del folder
    fake = MastodonFake(pixelfed=pixelfed)
    with fake.running(certificate):
        yield Site(
            kind="pixelfed" if pixelfed else "mastodon",
            settings={"server": fake.address},
            held={"access-token": fake.token()},
            break_down=lambda: fake.fail("POST", "/api/v2/media", BROKEN, times=99),
            mend=fake.faults.clear,
            audience="--followers" if pixelfed else "--private",
            server=fake,
        )


@contextmanager
def pixelfed(folder: Path) -> Iterator[Site]:
    with mastodon(folder, pixelfed=True) as site:
        yield site


@contextmanager
def immich(folder: Path, certificate: Certificate = None) -> Iterator[Site]:
    del folder
    fake = ImmichFake()
    with fake.running(certificate):
        yield Site(
            kind="immich",
            settings={"server": fake.address},
            held={"api-key": fake.key()},
            break_down=lambda: fake.fail("POST", "/api/assets", BROKEN, times=99),
            mend=fake.faults.clear,
            server=fake,
        )


def opened(site: Site, held: Mapping[str, str] | None = None) -> Destination:
    """Return the destination itself, with secrets of its own or others."""
    secrets = {f"d.{name}": value for name, value in (held or site.held).items()}
    return load(site.kind).open(site.settings, Credentials("d", secrets.get))


def wrong() -> str:
    """A secret that opens nothing."""
    return f"wrong-{token_hex(16)}"


SITES = (webdav, nextcloud, sftp, s3, mastodon, pixelfed, immich)

_S3_ERROR = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>Try again</Message></Error>"
