"""Immich 2 and 3, against a strict fake of the API as documented."""

import secrets
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from cloak.errors import AudienceError, ConfigError, CredentialsError, TransferError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.immich import Immich

from .items import item
from .servers.immich_fake import PERMISSIONS, ImmichFake
from .servers.loopback import Refused, Request

VERSIONS = {"1.118": (1, 118, 2), "1.144": (1, 144, 1), "2.7": (2, 7, 0), "3.0": (3, 0, 3)}


def link(days: float = 1) -> Wish:
    return Wish(audience=Audience.LINK, expires=datetime.now(UTC) + timedelta(days=days))


@pytest.fixture(params=VERSIONS)
def fake(request: pytest.FixtureRequest) -> Iterator[ImmichFake]:
    fake = ImmichFake(version=VERSIONS[request.param])
    with fake.running():
        yield fake


@pytest.fixture
def destination(fake: ImmichFake, connect_immich: Callable[..., Immich]) -> Immich:
    return connect_immich(fake)


def test_a_photo_goes_where_partners_do_not_look_and_anonymous_requests_are_refused(
    fake: ImmichFake, destination: Immich
) -> None:
    destination.check(Wish())
    photo = item()
    placed = destination.put(photo, Wish())
    (asset,) = fake.assets.values()
    assert (placed.audience, placed.link) == (Audience.OWNER, None)
    assert (asset.name, asset.data, asset.visibility) == (photo.name, photo.file.data, "archive")
    assert httpx.get(f"{fake.address}/api/assets/{asset.number}").status_code == 401
    assert fake.links == {}


def test_the_alt_text_becomes_the_description_and_there_is_none_otherwise(
    fake: ImmichFake, destination: Immich
) -> None:
    destination.put(item(seed=1, alt="Eine Katze 🐈"), Wish())
    destination.put(item(seed=2), Wish())
    assert [asset.description for asset in fake.assets.values()] == ["Eine Katze 🐈", ""]


def test_a_link_has_a_password_and_an_end_and_neither_downloads_nor_uploads_nor_metadata(
    fake: ImmichFake, destination: Immich
) -> None:
    wish = link()
    placed = destination.put(item(), wish)
    (made,) = fake.links.values()
    assert wish.expires is not None
    assert placed.expires is not None
    assert abs(placed.expires - wish.expires) < timedelta(seconds=0.01)
    assert datetime.fromisoformat(made["expiresAt"]) == placed.expires
    assert made["password"] == placed.password
    assert len(placed.password or "") >= 16
    assert [made[what] for what in ("allowDownload", "allowUpload", "showMetadata")] == [False] * 3
    assert placed.link == f"{fake.address}/share/{made['key']}"
    assert httpx.get(f"{fake.address}/api/shared-links/me?key={made['key']}").status_code == 401
    assert placed.password not in placed.handle + repr(placed)
    assert made["key"] not in placed.handle + repr(placed)


def test_a_link_without_an_expiry_ends_after_30_days_and_says_so(destination: Immich) -> None:
    placed = destination.put(item(), Wish(audience=Audience.LINK))
    assert placed.expires is not None
    assert abs(placed.expires - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)


def test_a_link_that_has_ended_counts_no_longer(fake: ImmichFake, destination: Immich) -> None:
    placed = destination.put(item(), link())
    (made,) = fake.links.values()
    made["expiresAt"] = datetime.now(UTC).isoformat()
    seen = destination.look(placed.handle)
    assert seen is not None
    assert (seen.audience, seen.expires) == (Audience.OWNER, None)


@pytest.mark.parametrize(
    "made",
    [
        {"password": "another"},
        {"password": None},
        {"expiresAt": None},
        {"expiresAt": "2099-01-01T00:00:00.000Z"},
        {"allowDownload": True},
        {"allowUpload": True},
        {"showMetadata": True},
    ],
    ids=str,
)
def test_a_link_that_is_not_as_asked_for_is_deleted_with_its_photo(
    fake: ImmichFake, destination: Immich, made: dict[str, object]
) -> None:
    fake.link = made
    with pytest.raises(AudienceError, match="deleted again"):
        destination.put(item(), link())
    assert (fake.links, fake.assets) == ({}, {})


@pytest.mark.parametrize("visibility", ["timeline", "hidden"])
def test_a_server_that_ignores_the_visibility_loses_the_photo_again(
    fake: ImmichFake, destination: Immich, visibility: str
) -> None:
    fake.visibility = visibility
    with pytest.raises(AudienceError, match="deleted again"):
        destination.put(item(), Wish())
    assert fake.assets == {}


def test_a_server_that_shows_the_photo_to_everybody_loses_it_again(fake: ImmichFake, destination: Immich) -> None:
    fake.open = True
    with pytest.raises(AudienceError, match="public"):
        destination.put(item(), Wish())
    assert fake.assets == {}


def test_deleting_takes_the_link_too_and_leaves_nothing_in_the_trash(fake: ImmichFake, destination: Immich) -> None:
    placed = destination.put(item(), link())
    destination.delete(placed.handle)
    assert (fake.assets, fake.links) == ({}, {})
    assert destination.look(placed.handle) is None


def test_what_is_in_the_trash_is_not_called_gone(fake: ImmichFake, destination: Immich) -> None:
    photo = item()
    placed = destination.put(photo, Wish())
    (asset,) = fake.assets.values()
    asset.trashed = True
    assert destination.look(placed.handle) is not None
    assert destination.find(photo.name) == placed.handle
    destination.delete(placed.handle)
    assert fake.assets == {}


def test_the_same_photo_from_elsewhere_is_neither_taken_over_nor_deleted(fake: ImmichFake, destination: Immich) -> None:
    first = destination.put(item(seed=1), Wish())
    with pytest.raises(TransferError, match="already"):
        destination.put(item(seed=1), Wish())
    assert destination.look(first.handle) is not None
    assert fake.uploads == 1


@pytest.mark.parametrize("album", ["Sömmer 🌻", "a" * 300, "../x"])
def test_an_album_is_made_once_and_filled(fake: ImmichFake, destination: Immich, album: str) -> None:
    for seed in range(2):
        wish = Wish(album=album)
        destination.check(wish)
        destination.put(item(seed=seed), wish)
    (made,) = fake.albums.values()
    assert made["albumName"] == album
    assert set(made["held"]) == set(fake.assets)


@pytest.mark.parametrize("how", ["shared", "hasSharedLink"])
def test_an_album_that_others_see_is_refused(fake: ImmichFake, destination: Immich, how: str) -> None:
    destination.put(item(seed=1), Wish(album="Sommer"))
    next(iter(fake.albums.values()))[how] = True
    for act in (lambda: destination.check(Wish(album="Sommer")), lambda: destination.put(item(), Wish(album="Sommer"))):
        with pytest.raises(AudienceError, match="Sommer"):
            act()
    assert fake.uploads == 1


def test_a_handle_of_another_user_is_refused_and_not_called_gone(
    fake: ImmichFake, destination: Immich, connect_immich: Callable[..., Immich]
) -> None:
    placed = destination.put(item(), Wish())
    other = connect_immich(fake)
    for act in (other.look, other.delete):
        with pytest.raises(TransferError, match="this user"):
            act(placed.handle)
    assert destination.look(placed.handle) is not None


@pytest.mark.parametrize("missing", sorted(PERMISSIONS - {"asset.share"}))
def test_a_key_without_a_permission_is_refused_and_the_message_says_which_are_needed(
    fake: ImmichFake, connect_immich: Callable[..., Immich], missing: str
) -> None:
    fake.key()
    user = str(uuid.uuid4())
    whole = connect_immich(fake, fake.key(user))
    whole.put(item(seed=9), Wish(album="there"))
    part = connect_immich(fake, fake.key(user, PERMISSIONS - {missing}))
    album = "new" if missing == "album.create" else "there"
    wish = Wish(album=album, audience=Audience.LINK)
    with pytest.raises(CredentialsError, match=missing):
        part.delete(part.put(item(seed=1, alt="x"), wish).handle)


def test_a_wrong_key_is_refused_by_check(fake: ImmichFake, connect_immich: Callable[..., Immich]) -> None:
    wrong = secrets.token_hex(16)
    with pytest.raises(CredentialsError, match="API key") as caught:
        connect_immich(fake, wrong).check(Wish())
    assert wrong not in str(caught.value)


def test_public_and_followers_are_refused_before_any_work(destination: Immich) -> None:
    for audience in (Audience.PUBLIC, Audience.FOLLOWERS):
        with pytest.raises(AudienceError, match="owner, link"):
            destination.check(Wish(audience=audience))


@pytest.mark.parametrize("version", [(1, 117, 0), (4, 0, 0)])
def test_versions_that_nobody_has_read_the_documentation_of_are_refused(
    connect_immich: Callable[..., Immich], version: tuple[int, int, int]
) -> None:
    fake = ImmichFake(version=version)
    with fake.running(), pytest.raises(UploadError, match=r"versions 1\.118 to 3"):
        connect_immich(fake).check(Wish())


def test_what_is_in_the_archive_is_found_though_a_search_leaves_that_out(fake: ImmichFake, destination: Immich) -> None:
    photo = item()
    placed = destination.put(photo, Wish())
    head, body = {"x-api-key": next(iter(fake.keys))}, {"originalFileName": photo.name}
    plain = httpx.post(f"{fake.address}/api/search/metadata", headers=head, json=body).json()
    assert plain["assets"]["items"] == []
    assert destination.find(photo.name) == placed.handle
    again = destination.put(photo, Wish())  # as after an answer that was lost
    assert list(fake.assets) == [again.handle.partition("/")[2]]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_somebody_who_is_told_that_there_is_nothing_sees_nothing(
    fake: ImmichFake, destination: Immich, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    inner = fake._asset

    def shown(request: Request, number: str, permission: str = "asset.read") -> object:
        if "x-api-key" not in request.headers:
            raise Refused(status, {"message": "no"})
        return inner(request, number, permission)

    monkeypatch.setattr(fake, "_asset", shown)
    assert destination.put(item(), Wish()).audience is Audience.OWNER


@pytest.mark.parametrize("address", ["http://photos.example.org", "https://me:word@photos.example.org", ""])
def test_addresses_that_make_no_sense_are_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        Immich.open({"server": address}, Credentials("i", {"i.api-key": "x"}.get))


def test_the_fake_refuses_what_the_documentation_does_not_allow(fake: ImmichFake) -> None:
    head = {"x-api-key": fake.key()}
    now = datetime.now(UTC).isoformat()
    file = {"assetData": ("x.jpg", b"x", "image/jpeg")}
    dates = {"fileCreatedAt": now, "fileModifiedAt": now}
    device = {"deviceAssetId": "x", "deviceId": "x"}
    right, wrong = (dates | device, dates) if fake.version[0] < 3 else (dates, dates | device)
    assets = f"{fake.address}/api/assets"
    assert httpx.post(assets, headers=head, data=wrong, files=file).status_code == 400
    other = {"visibility": "archive"} if fake.old else {"isArchived": "true"}
    assert httpx.post(assets, headers=head, data=right | other, files=file).status_code == 400
    assert httpx.post(assets, headers=head, data=right | {"fileCreatedAt": "today"}, files=file).status_code == 400
    assert httpx.post(assets, headers=head, data=right).status_code == 400
    assert httpx.post(assets, data=right, files=file).status_code == 401
    number = httpx.post(assets, headers=head, data=right, files=file).json()["id"]
    links = f"{fake.address}/api/shared-links"
    assert httpx.post(links, headers=head, json={"type": "INDIVIDUAL", "assetIds": number}).status_code == 400
    assert httpx.post(links, headers=head, json={"assetIds": [number]}).status_code == 400
    made = httpx.post(links, headers=head, json={"type": "INDIVIDUAL", "assetIds": [number]}).json()
    assert (made["allowDownload"], made["showMetadata"], made["allowUpload"]) == (True, True, True)
    assert httpx.request("DELETE", assets, headers=head, json={"ids": [number], "forced": True}).status_code == 400
