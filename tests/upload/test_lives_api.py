"""A protected photo's whole life on S3, Mastodon and Immich: delivered, refused to others, due, purged, gone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cloak.upload import runs
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Destination, Wish
from cloak.upload.destinations import load
from cloak.upload.ledger import Ledger, State
from cloak.upload.purge import purge
from cloak.upload.send import Parcel, check, deliver

from .servers import moto, s3rver
from .servers.immich_fake import ImmichFake
from .servers.mastodon_fake import MastodonFake


@dataclass(frozen=True)
class Life:
    """A destination, what is wished of it, and what the server has.

    Attributes:
        make: gives an open destination.
        audience: to ask for.
        address: of an upload, by its handle, for somebody without an account.
        refusal: the status that they get.
        content: all photos that the server has.
        secrets: what must be in no ledger.
    """

    make: Callable[[], Destination]
    audience: Audience
    address: Callable[[str], str]
    refusal: int
    content: Callable[[], list[bytes]]
    secrets: tuple[str, ...]


@contextmanager
def on_moto(folder: Path) -> Iterator[Life]:
    with moto.running(folder) as server:
        held = {"x.access-key-id": server.key, "x.secret-access-key": server.secret}
        bucket = server.bucket("photos")
        server.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

        def content() -> list[bytes]:
            versions = server.client.list_object_versions(Bucket=bucket)
            assert "DeleteMarkers" not in versions
            keys = [(entry["Key"], entry["VersionId"]) for entry in versions.get("Versions", ())]
            return [server.client.get_object(Bucket=bucket, Key=key, VersionId=one)["Body"].read() for key, one in keys]

        yield Life(
            make=lambda: load("s3").open({"bucket": bucket, "endpoint": server.address}, Credentials("x", held.get)),
            audience=Audience.OWNER,
            address=lambda handle: handle.replace("s3:/", server.address),
            refusal=403,
            content=content,
            secrets=(server.secret,),
        )


@contextmanager
def on_s3rver(folder: Path) -> Iterator[Life]:
    with s3rver.running(folder) as server:
        gate = s3rver.Gate(server)
        with gate.running() as address:
            held = dict.fromkeys(("x.access-key-id", "x.secret-access-key"), s3rver.KEY)
            settings = {"bucket": s3rver.BUCKET, "endpoint": address}
            yield Life(
                make=lambda: load("s3").open(settings, Credentials("x", held.get)),
                audience=Audience.LINK,
                address=lambda handle: handle.replace("s3:/", address).partition("?")[0],
                refusal=403,
                content=lambda: [path.read_bytes() for path in folder.rglob("*.jpg._S3rver_object")],
                secrets=("X-Amz-Signature",),
            )


@contextmanager
def on_mastodon(_: Path) -> Iterator[Life]:
    fake = MastodonFake()
    token = fake.token()
    with fake.running() as address:
        yield Life(
            make=lambda: load("mastodon").open({"server": address}, Credentials("x", {"x.access-token": token}.get)),
            audience=Audience.OWNER,
            address=lambda handle: f"{address}/api/v1/statuses/{handle.rpartition('/')[2]}",
            refusal=404,
            content=lambda: [media.part.data for media in fake.media.values()],
            secrets=(token,),
        )


@contextmanager
def on_immich(audience: Audience) -> Iterator[Life]:
    fake = ImmichFake()
    key = fake.key()
    with fake.running() as address:
        yield Life(
            make=lambda: load("immich").open({"server": address}, Credentials("x", {"x.api-key": key}.get)),
            audience=audience,
            address=lambda handle: f"{address}/api/assets/{handle.split('/')[1]}",
            refusal=401,
            content=lambda: [asset.data for asset in fake.assets.values()],
            secrets=(key, "password"),
        )


LIVES = {
    "moto": on_moto,
    "s3rver behind a gate": on_s3rver,
    "mastodon": on_mastodon,
    "immich": lambda _: on_immich(Audience.OWNER),
    "immich by link": lambda _: on_immich(Audience.LINK),
}


@pytest.mark.slow
@pytest.mark.parametrize("where", LIVES)
def test_a_protected_photo_is_delivered_refused_to_others_and_gone_when_it_was_said(
    where: str, protected_photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = protected_photo
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with LIVES[where](tmp_path) as life, Ledger.open() as ledger:
        wish = Wish(audience=life.audience, expires=datetime.now(UTC) + timedelta(hours=1))
        destination = life.make()
        check(destination, wish, "there")
        (sent,) = deliver([Parcel(source=photo, path=photo)], destination, ledger, place="there", wish=wish)
        assert sent.placed is not None, sent.reason
        assert sent.placed.audience is life.audience
        assert life.content() == [photo.read_bytes()]
        assert httpx.get(life.address(sent.placed.handle)).status_code == life.refusal
        kept = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("uploads.sqlite*"))
        assert not [secret for secret in life.secrets if secret.encode() in kept]
        destination.close()
        assert ledger.due() == []
        with runs.running() as run:
            due = ledger.due(datetime.now(UTC) + timedelta(hours=2))
            (purged,) = purge(due, ledger, lambda _: life.make(), run=run.name)
        assert purged.problem == ""
        assert purged.state is State.DELETED
        assert life.content() == []
        assert httpx.get(life.address(sent.placed.handle)).status_code in {401, 403, 404}
