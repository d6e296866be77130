"""Nextcloud and Immich: who sees a photo that was shared, or put into an album, after it was uploaded."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from cloak.errors import AudienceError, CredentialsError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.immich import Immich
from cloak.upload.destinations.nextcloud import Nextcloud

from .items import item
from .servers import wsgidav
from .servers.immich_fake import PERMISSIONS, ImmichFake
from .servers.nextcloud_fake import NextcloudFake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NextcloudFake]:
    folder = tmp_path_factory.mktemp("nextcloud")
    with wsgidav.running(folder) as address:
        fake = NextcloudFake(address, folder / "files", wsgidav.USER, wsgidav.PASSWORD)
        with fake.running():
            yield fake


@contextmanager
def nextcloud(server: NextcloudFake) -> Iterator[Nextcloud]:
    """One with a folder in a folder."""
    server.shares.clear()
    above = secrets.token_hex(4)
    (server.home / above).mkdir()
    settings = {"url": server.address, "user": wsgidav.USER, "folder": f"{above}/mine"}
    with closing(Nextcloud.open(settings, Credentials("n", lambda _: wsgidav.PASSWORD))) as destination:
        yield destination


@pytest.fixture(params=[(1, 118, 2), (3, 0, 3)], ids=["1.118", "3.0"])
def fake(request: pytest.FixtureRequest) -> Iterator[ImmichFake]:
    fake = ImmichFake(version=request.param)
    with fake.running():
        yield fake


@pytest.mark.parametrize(("kind", "seen"), [(0, "followers"), (1, "followers"), (3, "link"), (4, "link")])
@pytest.mark.parametrize("deep", [0, 1, 2, 3])
def test_a_share_that_somebody_made_later_of_a_photo_or_a_folder_around_it_is_seen(server, deep, kind, seen):
    with nextcloud(server) as destination:
        one = item()
        placed = destination.put(one, Wish(album="Sömmer"))
        assert destination.look(placed.handle).audience is Audience.OWNER
        path = f"{destination._folder}/Sömmer/{one.name}"
        server.share("/" + "/".join(path.split("/")[: deep + 1]), kind)
        assert destination.look(placed.handle).audience == seen
        destination.delete(placed.handle)
        assert destination.look(placed.handle) is None


def test_a_folder_above_that_is_shared_during_a_run_takes_no_more_photos(server):
    with nextcloud(server) as destination:
        above = destination._folder.partition("/")[0]
        destination.check(Wish())
        destination.put(item(), Wish())
        server.share(f"/{above}", 3)
        one = item(seed=1)
        with pytest.raises(AudienceError, match=f"the folder /{above} on Nextcloud is shared"):
            destination.put(one, Wish())
        assert list(server.home.rglob(one.name)) == []


@pytest.mark.parametrize("audience", [Audience.OWNER, Audience.LINK])
@pytest.mark.parametrize(
    ("how", "seen"),
    [("shared", Audience.FOLLOWERS), ("hasSharedLink", Audience.LINK), ("link", Audience.LINK), ("over", None)],
)
def test_an_album_or_another_link_by_which_others_see_a_photo_later_is_seen(
    fake: ImmichFake, connect_immich: Callable[..., Immich], audience: Audience, how: str, seen: Audience | None
) -> None:
    destination = connect_immich(fake)
    placed = destination.put(item(), Wish(audience=audience))
    (asset,) = fake.assets
    head = {"x-api-key": next(iter(fake.keys))}
    if how in {"shared", "hasSharedLink"}:
        body = {"albumName": "Sommer", "assetIds": [asset]}
        made = httpx.post(f"{fake.address}/api/albums", headers=head, json=body).json()
        fake.albums[made["id"]][how] = True
    else:
        ends = datetime.now(UTC) + timedelta(days=-1 if how == "over" else 90)
        body = {"type": "INDIVIDUAL", "assetIds": [asset], "expiresAt": ends.isoformat()}
        httpx.post(f"{fake.address}/api/shared-links", headers=head, json=body).raise_for_status()
    now = destination.look(placed.handle)
    assert now is not None
    assert now.audience is (seen or placed.audience)
    assert now.expires == (None if seen else placed.expires)


@pytest.mark.parametrize("missing", ["album.read", "sharedLink.read"])
def test_a_key_that_does_not_tell_who_sees_a_photo_is_no_reason_to_call_it_private(
    fake: ImmichFake, connect_immich: Callable[..., Immich], missing: str
) -> None:
    destination = connect_immich(fake, fake.key(permissions=PERMISSIONS - {missing}))
    placed = destination.put(item(), Wish())
    with pytest.raises(CredentialsError, match=missing):
        destination.look(placed.handle)
    destination.delete(placed.handle)
    assert destination.look(placed.handle) is None
