"""A protected photo's whole life on S3, Mastodon, Pixelfed and Immich: let in, refused to others, due, purged, gone."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cloak.upload import places, runs
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Destination, Placed, Wish
from cloak.upload.destinations import load
from cloak.upload.ledger import Ledger, State
from cloak.upload.purge import purge
from cloak.upload.send import Parcel, check, deliver

from .items import item
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
        opens: whether a link leads anywhere still; None where there is none.
    """

    make: Callable[[], Destination]
    audience: Audience
    address: Callable[[str], str]
    refusal: int
    content: Callable[[], list[bytes]]
    secrets: tuple[str, ...]
    opens: Callable[[Placed], bool] | None = None


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
                opens=lambda placed: httpx.get(placed.link or "").status_code == 200,
            )


@contextmanager
def on_fediverse(kind: str, audience: Audience) -> Iterator[Life]:
    fake = MastodonFake(pixelfed=kind == "pixelfed")
    token = fake.token()
    with fake.running() as address:
        yield Life(
            make=lambda: load(kind).open({"server": address}, Credentials("x", {"x.access-token": token}.get)),
            audience=audience,
            address=lambda handle: f"{address}/api/v1/statuses/{handle.rpartition('/')[2]}",
            refusal=401 if fake.pixelfed else 404,
            content=lambda: [media.part.data for media in fake.media.values()],
            secrets=(token,),
        )


@contextmanager
def on_immich(audience: Audience) -> Iterator[Life]:
    fake = ImmichFake()
    key = fake.key()

    def opens(placed: Placed) -> bool:
        mine = httpx.get(f"{address}/api/shared-links/me", params={"key": (placed.link or "").rpartition("/")[2]})
        assert mine.status_code == 401
        return {"Password required": True, "Invalid share key": False}[mine.json()["message"]]

    with fake.running() as address:
        yield Life(
            make=lambda: load("immich").open({"server": address}, Credentials("x", {"x.api-key": key}.get)),
            audience=audience,
            address=lambda handle: f"{address}/api/assets/{handle.split('/')[1]}",
            refusal=401,
            content=lambda: [asset.data for asset in fake.assets.values()],
            secrets=(key, "password"),
            opens=opens if audience is Audience.LINK else None,
        )


LIVES = {
    "moto": on_moto,
    "s3rver behind a gate": on_s3rver,
    "mastodon": lambda _: on_fediverse("mastodon", Audience.OWNER),
    "pixelfed": lambda _: on_fediverse("pixelfed", Audience.FOLLOWERS),
    "immich": lambda _: on_immich(Audience.OWNER),
    "immich by link": lambda _: on_immich(Audience.LINK),
}


@dataclass(frozen=True)
class Begun:
    """A photo that was delivered, and has a few seconds to live."""

    life: Life
    placed: Placed
    expires: datetime


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOAK_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with Ledger.open() as ledger:
            yield ledger


@pytest.fixture(scope="module")
def begun(
    protected_photo: Path, ledger: Ledger, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Begun]]:
    """Deliver to all servers before the first test, so that all of them are waited for at once."""
    with ExitStack() as stack:
        lives = {where: stack.enter_context(live(tmp_path_factory.mktemp("life"))) for where, live in LIVES.items()}
        yield {where: deliver_to(life, where, protected_photo, ledger) for where, life in lives.items()}


def deliver_to(life: Life, where: str, photo: Path, ledger: Ledger) -> Begun:
    with closing(life.make()) as destination:
        if life.opens:  # the first link tries out whether links end at all, which takes its time
            destination.delete(destination.put(item(), Wish(audience=life.audience)).handle)
        wish = Wish(audience=life.audience, expires=datetime.now(UTC) + timedelta(seconds=6))
        check(destination, wish, where)
        (sent,) = deliver([Parcel(source=photo, path=photo)], destination, ledger, place=where, wish=wish)
        assert sent.placed is not None, sent.reason
        assert sent.placed.audience is life.audience
        assert life.content() == [photo.read_bytes()]
        assert _for_all(life, sent.placed) == life.refusal
        assert life.opens is None or life.opens(sent.placed)
        assert [entry for entry in ledger.due() if entry.destination == where] == []
        kept = b"".join(path.read_bytes() for path in places.ledger().parent.glob("uploads.sqlite*"))
        assert not [secret for secret in life.secrets if secret.encode() in kept]
        assert wish.expires is not None
        return Begun(life, sent.placed, wish.expires)


def _for_all(life: Life, placed: Placed) -> int:
    """Ask for it as anybody; Pixelfed leads who does not ask for JSON to a page to sign in."""
    return httpx.get(life.address(placed.handle), headers={"Accept": "application/json"}).status_code


@pytest.mark.slow
@pytest.mark.parametrize("where", LIVES)
def test_a_protected_photo_is_delivered_refused_to_others_and_gone_when_it_was_said(
    where: str, begun: dict[str, Begun], ledger: Ledger, protected_photo: Path
) -> None:
    life, placed = begun[where].life, begun[where].placed
    time.sleep(max(0.0, (begun[where].expires - datetime.now(UTC)).total_seconds()) + 0.1)
    assert life.opens is None or not life.opens(placed)
    assert life.content() == [protected_photo.read_bytes()]
    with runs.running() as run:
        due = [entry for entry in ledger.due() if entry.destination == where]
        (purged,) = purge(due, ledger, lambda _: life.make(), run=run.name)
    assert purged.problem == ""
    assert purged.state is State.DELETED
    assert life.content() == []
    assert _for_all(life, placed) in {401, 403, 404}
