"""Mastodon and Pixelfed, against a strict fake of the API as documented."""

import secrets
from collections.abc import Callable, Iterator

import httpx
import pytest

from cloak.errors import AudienceError, ConfigError, CredentialsError, TransferError, TransientError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations import fediverse
from cloak.upload.destinations.mastodon import Mastodon
from cloak.upload.destinations.pixelfed import Pixelfed

from .items import item
from .servers.loopback import Answer, Request
from .servers.mastodon_fake import SCOPES, MastodonFake

FOLLOWERS = Wish(audience=Audience.FOLLOWERS)
PUBLIC = Wish(audience=Audience.PUBLIC)


@pytest.fixture
def fake() -> Iterator[MastodonFake]:
    fake = MastodonFake()
    with fake.running():
        yield fake


@pytest.fixture
def connect() -> Iterator[Callable[..., Mastodon]]:
    made: list[Mastodon] = []

    def connect(fake: MastodonFake, token: str = "", kind: type[Mastodon] = Mastodon) -> Mastodon:
        held = {"m.access-token": token or fake.token()}
        made.append(kind.open({"server": fake.address}, Credentials("m", held.get)))
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def destination(fake: MastodonFake, connect: Callable[..., Mastodon]) -> Mastodon:
    return connect(fake)


def test_a_photo_is_posted_for_its_author_alone_and_anonymous_requests_are_refused(
    fake: MastodonFake, destination: Mastodon
) -> None:
    destination.check(Wish())
    photo = item()
    placed = destination.put(photo, Wish())
    (post,) = fake.posts.values()
    assert placed.audience is Audience.OWNER
    assert post.visibility == "direct"
    assert fake.media[post.media[0]].part.data == photo.file.data
    assert httpx.get(f"{fake.address}/api/v1/statuses/{post.number}").status_code == 404


@pytest.mark.parametrize(
    ("wish", "visibility", "seen"), [(Wish(), "direct", 404), (FOLLOWERS, "private", 404), (PUBLIC, "public", 200)]
)
def test_each_audience_is_asked_for_and_read_back(
    fake: MastodonFake, destination: Mastodon, wish: Wish, visibility: str, seen: int
) -> None:
    placed = destination.put(item(), wish)
    (post,) = fake.posts.values()
    assert (post.visibility, placed.audience) == (visibility, wish.audience)
    assert httpx.get(f"{fake.address}/api/v1/statuses/{post.number}").status_code == seen


def test_the_post_says_nothing_and_mentions_nobody(fake: MastodonFake, destination: Mastodon) -> None:
    photo = item()
    destination.put(photo, Wish())
    (post,) = fake.posts.values()
    assert post.text.isalnum()
    assert len(post.text) == 10
    assert post.text not in photo.name


def test_the_alt_text_is_the_users_and_there_is_none_otherwise(fake: MastodonFake, destination: Mastodon) -> None:
    destination.put(item(seed=1, alt="Eine Katze, die „@niemand“ sieht 🐈"), Wish())
    destination.put(item(seed=2), Wish())
    assert [media.description for media in fake.media.values()] == ["Eine Katze, die „@niemand“ sieht 🐈", None]


def test_the_file_is_sent_under_its_random_name(fake: MastodonFake, destination: Mastodon) -> None:
    photo = item()
    destination.put(photo, Wish())
    (media,) = fake.media.values()
    assert (media.part.filename, media.part.kind) == (photo.name, "image/jpeg")


def test_a_picture_that_takes_a_while_to_process_is_waited_for(fake: MastodonFake, destination: Mastodon) -> None:
    fake.slow = 3
    assert destination.put(item(), Wish()).audience is Audience.OWNER
    assert fake.requests.count(("GET", "/api/v1/media/1001")) == 3


def test_a_picture_that_is_never_processed_is_given_up_and_deleted(
    fake: MastodonFake, destination: Mastodon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fediverse, "_PATIENCE", 0.6)
    fake.slow = 1000
    with pytest.raises(TransientError, match="process"):
        destination.put(item(), Wish())
    assert fake.posts == {}
    assert fake.media == {}


def test_deleting_takes_the_picture_with_it(fake: MastodonFake, destination: Mastodon) -> None:
    placed = destination.put(item(), Wish())
    (media,) = fake.media.values()
    assert httpx.get(f"{fake.address}/files/{media.token}").status_code == 200
    destination.delete(placed.handle)
    assert httpx.get(f"{fake.address}/files/{media.token}").status_code == 404
    assert destination.look(placed.handle) is None
    assert (fake.posts, fake.media) == ({}, {})


def test_what_was_interrupted_long_ago_is_found_on_a_later_page(fake: MastodonFake, destination: Mastodon) -> None:
    photo = item()
    placed = destination.put(photo, Wish())
    (first,) = fake.posts.values()
    for _ in range(100):
        number = fake._next()
        fake.posts[number] = type(first)(number, first.owner, "something else", first.media, "public")
    assert destination.find(photo.name) == placed.handle
    assert destination.find("f" * 32 + ".jpg") is None


def test_a_handle_of_another_account_is_refused_and_not_called_gone(
    fake: MastodonFake, destination: Mastodon, connect: Callable[..., Mastodon]
) -> None:
    placed = destination.put(item(), Wish())
    other = connect(fake, fake.token("2"))
    for act in (other.look, other.delete):
        with pytest.raises(TransferError, match="this account"):
            act(placed.handle)
    assert destination.look(placed.handle) is not None


@pytest.mark.parametrize("missing", sorted(SCOPES))
def test_a_token_without_a_scope_is_refused_and_the_message_says_which_are_needed(
    fake: MastodonFake, connect: Callable[..., Mastodon], missing: str
) -> None:
    destination = connect(fake, fake.token(scopes=SCOPES - {missing}))
    with pytest.raises(CredentialsError, match=missing):
        destination.put(item(), Wish())
    assert fake.posts == {}


def test_a_wrong_token_is_refused_by_check(fake: MastodonFake, connect: Callable[..., Mastodon]) -> None:
    wrong = secrets.token_hex(16)
    with pytest.raises(CredentialsError, match="access token") as caught:
        connect(fake, wrong).check(Wish())
    assert wrong not in str(caught.value)


def test_links_and_albums_are_refused_before_any_work(destination: Mastodon) -> None:
    with pytest.raises(AudienceError, match="owner, followers, public"):
        destination.check(Wish(audience=Audience.LINK))
    with pytest.raises(UploadError, match="albums"):
        destination.check(Wish(album="Sommer"))


@pytest.mark.parametrize("made", ["unlisted", "public", "private", "something new"])
def test_a_server_that_ignores_the_visibility_loses_the_post_again(
    fake: MastodonFake, destination: Mastodon, made: str
) -> None:
    fake.visibility = made
    with pytest.raises(AudienceError, match="deleted again"):
        destination.put(item(), Wish())
    assert (fake.posts, fake.media) == ({}, {})


def test_a_server_that_says_direct_and_shows_the_post_to_everybody_is_found_out(
    fake: MastodonFake, destination: Mastodon, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = MastodonFake._status
    monkeypatch.setattr(fake, "_status", lambda post: status(fake, post) | {"visibility": "direct"})
    fake.visibility = "public"
    with pytest.raises(AudienceError, match="more people"):
        destination.put(item(), Wish())
    assert fake.posts == {}


def test_pixelfed_posts_for_followers_at_the_least_and_deletes_pictures_with_posts(
    connect: Callable[..., Mastodon],
) -> None:
    fake = MastodonFake(version="0.12.5", pixelfed=True)
    with fake.running():
        destination = connect(fake, kind=Pixelfed)
        with pytest.raises(AudienceError, match="followers, public"):
            destination.check(Wish())
        with pytest.raises(AudienceError, match="no audience owner"):
            destination.put(item(), Wish())
        assert fake.posts == {}
        destination.check(FOLLOWERS)
        placed = destination.put(item(), FOLLOWERS)
        assert placed.audience is Audience.FOLLOWERS
        destination.delete(placed.handle)
        assert (fake.posts, fake.media) == ({}, {})


@pytest.mark.parametrize("locked", [False, None])
@pytest.mark.parametrize("kind", [Mastodon, Pixelfed])
def test_an_account_that_anybody_may_follow_has_no_followers_to_show_a_photo_to(
    connect: Callable[..., Mastodon], kind: type[Mastodon], locked: bool | None
) -> None:
    fake = MastodonFake(pixelfed=kind is Pixelfed)
    with fake.running():
        destination = connect(fake, kind=kind)
        destination.check(FOLLOWERS)
        fake.locked = locked
        with pytest.raises(AudienceError, match=r"anybody may follow.*(Public profile|private account).*--public"):
            destination.check(FOLLOWERS)
        for wish in (Wish(), PUBLIC):
            if wish.audience in kind.AUDIENCES:
                destination.check(wish)


def test_the_same_photo_twice_is_two_posts(fake: MastodonFake, destination: Mastodon) -> None:
    first, second = (destination.put(item(), Wish()) for _ in range(2))
    assert first.handle != second.handle
    assert fake.posted == 2


@pytest.mark.parametrize("name", ["ü" * 296 + ".jpg", "写真 🌻/../x.jpg"])
def test_names_of_any_kind_are_taken(destination: Mastodon, name: str) -> None:
    photo = item(name)
    placed = destination.put(photo, Wish())
    assert destination.find(photo.name) == placed.handle


@pytest.mark.parametrize("address", ["http://example.social", "https://me:word@example.social", "example.social", ""])
def test_addresses_that_make_no_sense_are_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        Mastodon.open({"server": address}, Credentials("m", {"m.access-token": "x"}.get))


def test_without_a_token_it_says_where_one_goes() -> None:
    with pytest.raises(CredentialsError, match="CLOAK_M_ACCESS_TOKEN"):
        Mastodon.open({"server": "https://example.social"}, Credentials("m"))


def test_the_fake_refuses_what_the_documentation_does_not_allow(fake: MastodonFake) -> None:
    head = {"Authorization": f"Bearer {fake.token()}"}
    posts = f"{fake.address}/api/v1/statuses"
    assert httpx.post(posts, headers=head, data={"status": "x", "album": "y"}).status_code == 422
    assert httpx.post(posts, headers=head, data={"status": "x", "visibility": "friends"}).status_code == 422
    assert httpx.post(posts, headers=head, data={"media_ids[]": "77"}).status_code == 422
    assert httpx.post(posts, headers=head, data={}).status_code == 422
    assert httpx.post(posts, data={"status": "x"}).status_code == 401
    sent = httpx.post(f"{fake.address}/api/v2/media", headers=head, files={"file": ("x.txt", b"x", "text/plain")})
    assert sent.status_code == 422
    assert httpx.get(f"{fake.address}/api/v3/statuses", headers=head).status_code == 404


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_server_that_sends_somebody_without_an_account_elsewhere_does_not_show_the_post(
    fake: MastodonFake, destination: Mastodon, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """As to a page to sign in: who sees the post is not known then, and nothing false is said."""
    inner = fake._show

    def shown(request: Request, number: str) -> Answer:
        if "Authorization" not in request.headers:
            return Answer(status, b"", {"Location": "/login"})
        return inner(request, number)

    monkeypatch.setattr(fake, "_show", shown)
    with pytest.raises(AudienceError, match=f"cannot tell whether others see the post.* answered them {status}"):
        destination.put(item(), Wish())
    assert fake.posts == fake.media == {}
