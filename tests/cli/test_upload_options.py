"""What options of `cloak upload` ask for is what the server has afterwards, read on the server itself."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from ..upload import sites  # noqa: TID252 -- tests are no package to import from
from ..upload.sites import Site  # noqa: TID252

ALT = "Anna in „Köln“ & <b>Bonn</b> ☀"
ALBUM = "Sömmer ☀ 2026"
PHOTO = Path(__file__).parents[2] / "examples" / "phone.jpg"


@pytest.fixture
def nas(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Have a destination of a kind set up as nas, with its secrets in the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    @contextmanager
    def nas(kind: Callable[..., object]) -> Iterator[Site]:
        (tmp_path / "server").mkdir()
        with kind(tmp_path / "server") as site:
            (home / "config.toml").write_text(site.table("nas"))
            for name, value in site.held.items():
                monkeypatch.setenv(f"CLOAK_NAS_{name.upper().replace('-', '_')}", value)
            yield site

    return nas


@pytest.fixture
def upload(cloak) -> Callable[..., dict]:
    def upload(*options: str) -> dict:
        done = cloak("upload", PHOTO, "--to", "nas", "--strip-only", "--json", *options)
        assert done.code == 0, done.err
        (photo,) = json.loads(done.out)["photos"]
        return photo

    return upload


def _name(kind: Callable[..., object]) -> str:
    return kind.__name__


@pytest.mark.parametrize("kind", [sites.mastodon, sites.pixelfed], ids=_name)
def test_alt_becomes_the_pictures_description_on_the_fediverse(nas, upload, kind):
    with nas(kind) as site:
        upload(site.audience, "--alt", ALT)
        assert [media.description for media in site.server.media.values()] == [ALT]
        assert [ALT in post.text for post in site.server.posts.values()] == [False]


def test_alt_becomes_the_description_and_album_the_album_on_immich(nas, upload):
    with nas(sites.immich) as site:
        upload("--alt", ALT, "--album", ALBUM)
        (asset,), (album,) = site.server.assets.values(), site.server.albums.values()
        assert (asset.description, asset.visibility) == (ALT, "archive")
        assert (album["albumName"], album["held"]) == (ALBUM, [asset.number])


@pytest.mark.parametrize("kind", [sites.webdav, sites.nextcloud, sites.sftp, sites.s3_with_links], ids=_name)
def test_album_is_the_folder_that_the_photo_is_in(nas, upload, cloak, tmp_path, kind):
    with nas(kind):
        photo = upload("--album", ALBUM)
        (entry,) = json.loads(cloak("uploads", "list", "--json").out)
        there = [path.parent.name for path in (tmp_path / "server").rglob(f"{entry['name']}*") if path.is_file()]
        assert set(there) == {ALBUM}
        assert cloak("uploads", "delete", photo["id"]).code == 0
        assert [path for path in (tmp_path / "server").rglob(f"{entry['name']}*") if path.is_file()] == []


def test_alt_goes_nowhere_where_there_is_no_place_for_it(nas, upload, tmp_path):
    with nas(sites.webdav):
        upload("--alt", ALT)
        kept = [path for path in tmp_path.rglob("*") if path.is_file() and "models" not in path.parts]
        assert kept
        assert [path for path in kept if ALT.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("kind", "option", "visibility"),
    [
        (sites.mastodon, "--private", "direct"),
        (sites.mastodon, "--followers", "private"),
        (sites.mastodon, "--public", "public"),
        (sites.pixelfed, "--followers", "private"),
        (sites.pixelfed, "--public", "public"),
    ],
)
def test_the_post_is_for_whom_the_option_says_and_for_nobody_else(nas, upload, kind, option, visibility):
    with nas(kind) as site:
        photo = upload(option)
        (post,) = site.server.posts.values()
        assert post.visibility == visibility
        # Pixelfed answers nobody without an account here, and leads who does not ask for JSON to a page to sign in
        anonymous = httpx.get(
            f"{site.server.address}/api/v1/statuses/{post.number}", headers={"Accept": "application/json"}
        ).status_code
        assert anonymous == (401 if site.server.pixelfed else 200 if option == "--public" else 404)
        assert photo["audience"] == {"direct": "owner", "private": "followers", "public": "public"}[visibility]


def test_public_over_sftp_can_be_read_by_others_and_without_it_not(nas, upload):
    with nas(sites.sftp) as site:
        upload("--public")
        (file,) = [path for path in site.server.home.rglob("*") if path.is_file()]
        assert file.stat().st_mode & 0o777 == 0o644
        upload("--private", "--again")
        modes = sorted(path.stat().st_mode & 0o777 for path in site.server.home.rglob("*") if path.is_file())
        assert modes == [0o600, 0o644]


def test_link_on_nextcloud_has_a_password_and_ends_by_itself_in_time(nas, upload):
    with nas(sites.nextcloud) as site:
        photo = upload("--link", "--expires", "5d")
        (share,) = site.server.shares.values()
        assert (share["share_type"], share["permissions"] & ~16) == (3, 1)
        # Days begin at the server's midnight, which is at noon UTC in the zone that is last.
        ends = datetime.fromisoformat(share["expiration"]).replace(tzinfo=UTC) + timedelta(hours=12)
        assert timedelta(days=4) - timedelta(minutes=1) < ends - datetime.now(UTC) <= timedelta(days=5)
        assert share["password"]
        assert len(photo["password"]) == 24
        assert httpx.get(f"{photo['link']}/download").status_code == 303  # to where the password is asked for


def test_link_on_immich_has_a_password_and_ends_when_it_was_wished(nas, upload, cloak):
    with nas(sites.immich) as site:
        photo = upload("--link", "--expires", "2h")
        (link,) = site.server.links.values()
        assert link["password"] == photo["password"]
        assert (link["allowUpload"], link["allowDownload"], link["showMetadata"]) == (False, False, False)
        left = datetime.fromisoformat(link["expiresAt"]) - datetime.now(UTC)
        assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2)
        assert cloak("uploads", "delete", photo["id"]).code == 0
        assert (site.server.links, site.server.assets) == ({}, {})


def test_link_on_s3_opens_for_as_long_as_was_wished_and_ends_with_the_upload(nas, upload, cloak):
    with nas(sites.s3_with_links):
        photo = upload("--link", "--expires", "2h")
        assert 7000 < int(parse_qs(urlsplit(photo["link"]).query)["X-Amz-Expires"][0]) <= 7200
        assert httpx.get(photo["link"]).status_code == 200
        assert httpx.get(photo["link"].partition("?")[0]).status_code == 403
        assert cloak("uploads", "delete", photo["id"]).code == 0
        assert httpx.get(photo["link"]).status_code == 404


@pytest.mark.parametrize("kind", [sites.mastodon, sites.pixelfed], ids=_name)
def test_a_server_that_ignores_who_may_see_it_loses_the_post_and_that_is_said(nas, cloak, kind, examples):
    with nas(kind) as site:
        site.server.visibility = "public"
        done = cloak("upload", examples, "--to", "nas", "--strip-only", site.audience)
        assert done.code == 1
        assert "more people see the post than was asked for" in done.err
        assert "Stopped after" in done.out
        assert (site.server.posts, site.server.media) == ({}, {})
        assert site.server.posted == 1
        assert cloak("uploads", "list").out == "Nothing is up.\n"


def test_photos_of_any_name_are_uploaded_and_their_names_are_kept_nowhere(cloak, nas, paint, tmp_path):
    names = ["ü" * 120 + ".png", "x" * 251 + ".png", "Anna 夏休み ☀\n\x1b[31m.png"]
    for number, name in enumerate(names):
        paint(tmp_path / "in" / name, width=40 + number)
    with nas(sites.webdav):
        done = cloak("upload", tmp_path / "in", "--to", "nas", "--strip-only", "--note", "ö" * 300)
        assert done.code == 0, done.err
        assert "\x1b" not in done.out
        assert done.out.count("uploaded: ") == 3
        there = [path for path in (tmp_path / "server" / "files").rglob("*") if path.is_file()]
        assert len(there) == 3
        assert {len(path.stem) for path in there} == {32}
        kept = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("uploads.sqlite*"))
        assert [name for name in names if name[:12].encode() in kept] == []
        assert "ö" * 300 in cloak("uploads", "list").out


def test_the_same_photo_a_second_time_is_said_and_uploaded_on_request_alone(cloak, nas, upload, tmp_path):
    with nas(sites.webdav):
        first = upload()
        again = cloak("upload", PHOTO, "--to", "nas", "--strip-only")
        assert again.code == 0
        assert f"as {first['id']}; pass --again for a second copy" in again.out
        assert "0 photos uploaded to nas, 1 there already, 0 failed" in again.out
        assert upload("--again")["id"] != first["id"]
        assert len([path for path in (tmp_path / "server" / "files").rglob("*") if path.is_file()]) == 2
