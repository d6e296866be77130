"""What goes wrong on the way to Mastodon and Immich: strict fakes that fail when they are told to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from cloak.errors import CredentialsError, TransferError, TransientError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Destination, Wish
from cloak.upload.destinations.immich import Immich
from cloak.upload.destinations.mastodon import Mastodon

from .items import item
from .servers.immich_fake import ImmichFake
from .servers.loopback import Answer, Cut
from .servers.mastodon_fake import MastodonFake


class Forgetful(dict[tuple[str, str], str]):
    """Keys that nobody minds, as on GoToSocial."""

    def __contains__(self, key: object) -> bool:
        return False


@dataclass
class Case:
    """A destination, its server, the requests that bring a photo there, and how many there are."""

    destination: Destination
    fake: MastodonFake | ImmichFake
    uploads: tuple[tuple[str, str], ...]

    def there(self) -> tuple[int, int]:
        """How many photos the server has, and how many of them are in a post, or simply there."""
        if isinstance(self.fake, MastodonFake):
            return len(self.fake.media), len(self.fake.posts)
        return len(self.fake.assets), len(self.fake.assets)


@pytest.fixture(params=["mastodon", "immich"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    if request.param == "mastodon":
        yield from mastodon()
    else:
        yield from immich()


def mastodon() -> Iterator[Case]:
    fake = MastodonFake()
    with fake.running() as address:
        made = Mastodon.open({"server": address}, Credentials("m", {"m.access-token": fake.token()}.get))
        yield Case(made, fake, (("POST", "/api/v2/media"), ("POST", "/api/v1/statuses")))
        made.close()


def immich() -> Iterator[Case]:
    fake = ImmichFake()
    with fake.running() as address:
        made = Immich.open({"server": address}, Credentials("i", {"i.api-key": fake.key()}.get))
        yield Case(made, fake, (("POST", "/api/assets"),))
        made.close()


def busy(status: int) -> Answer:
    return Answer(status, {"error": "Too busy", "message": "Too busy"}, {"Retry-After": "3"})


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_worth_another_try_after_as_long_as_it_says(case: Case, status: int) -> None:
    for method, path in case.uploads:
        case.fake.fail(method, path, busy(status), times=2)
        photo = item()
        with pytest.raises(TransientError, match=str(status)) as caught:
            case.destination.put(photo, Wish())
        assert caught.value.after == 3
        case.fake.faults.clear()
        assert case.there() == (0, 0)
        placed = case.destination.put(photo, Wish())
        assert case.there() == (1, 1)
        case.destination.delete(placed.handle)


def test_mastodons_own_header_says_how_long_to_wait_too() -> None:
    for case in mastodon():
        reset = (datetime.now(UTC) + timedelta(seconds=90)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case.fake.fail("POST", "/api/v2/media", Answer(429, {"error": "Throttled"}, {"X-RateLimit-Reset": reset}))
        with pytest.raises(TransientError) as caught:
            case.destination.put(item(), Wish())
        assert caught.value.after == pytest.approx(90, abs=5)


@pytest.mark.parametrize("cut", Cut)
def test_a_cut_connection_leaves_one_photo_after_a_retry(case: Case, cut: Cut) -> None:
    for method, path in case.uploads:
        if cut is Cut.BEFORE_ANSWER and path == "/api/v1/statuses":
            continue  # no retry is needed: the next test
        case.fake.fail(method, path, cut, times=2)
        photo = item()
        with pytest.raises(TransientError, match="connection"):
            case.destination.put(photo, Wish())
        case.fake.faults.clear()
        placed = case.destination.put(photo, Wish())
        assert case.there()[1] == 1
        assert case.destination.find(photo.name) == placed.handle
        case.destination.delete(placed.handle)
        assert case.there()[1] == 0
        if isinstance(case.fake, MastodonFake):
            case.fake.media.clear()  # one whose number never arrived: servers delete those within a day


@pytest.mark.parametrize("cut", Cut)
def test_a_post_whose_answer_is_lost_is_there_once_without_the_caller_trying_again(cut: Cut) -> None:
    for case in mastodon():
        assert isinstance(case.fake, MastodonFake)
        case.fake.fail("POST", "/api/v1/statuses", cut)
        placed = case.destination.put(item(), Wish())
        assert placed.audience is Audience.OWNER
        assert (case.fake.posted, case.there()) == (1, (1, 1))


def test_a_post_that_the_server_makes_late_is_still_there_once() -> None:
    """The look for it comes too early, and only its key keeps the second request from posting again."""
    for case in mastodon():
        assert isinstance(case.fake, MastodonFake)
        case.fake.fail("POST", "/api/v1/statuses", Cut.BEFORE_ANSWER)
        nothing = Answer(200, [])
        case.fake.fail("GET", "/api/v1/accounts/1/statuses", nothing, times=2)
        placed = case.destination.put(item(), Wish())
        assert case.destination.look(placed.handle) is not None
        assert (case.fake.posted, case.there()) == (1, (1, 1))


def test_a_post_that_a_server_makes_late_which_minds_no_key_is_deleted_at_the_next_try() -> None:
    for case in mastodon():
        assert isinstance(case.fake, MastodonFake)
        case.fake.keys = Forgetful()
        case.fake.fail("POST", "/api/v1/statuses", Cut.BEFORE_ANSWER)
        case.fake.fail("GET", "/api/v1/accounts/1/statuses", Answer(200, []), times=3)
        photo = item()
        with pytest.raises(TransientError, match="already used"):  # so that it is tried again, and looked for later
            case.destination.put(photo, Wish())
        assert case.there() == (1, 1)
        placed = case.destination.put(photo, Wish())
        assert [f"1/{number}/{post.media[0]}" for number, post in case.fake.posts.items()] == [placed.handle]


def test_a_key_whose_post_was_deleted_does_not_keep_the_photo_from_being_posted_again() -> None:
    for case in mastodon():
        photo = item()
        first = case.destination.put(photo, Wish())
        case.destination.delete(first.handle)
        second = case.destination.put(photo, Wish())
        assert second.handle != first.handle
        assert case.there() == (1, 1)


def test_what_a_killed_upload_left_is_found_and_deleted(case: Case) -> None:
    photo = item()
    method, path = case.uploads[-1]
    case.fake.fail(method, path, Cut.BEFORE_ANSWER, times=9)
    case.fake.fail("DELETE", "/api/", Cut.BEFORE_BODY, times=9)
    case.fake.fail("GET", "/api/v1/accounts/1/statuses", Answer(200, []))  # the look for an earlier try
    case.fake.fail("GET", "/api/v1/accounts/1/statuses", Cut.BEFORE_BODY, times=9)
    with pytest.raises(TransientError):
        case.destination.put(photo, Wish())
    case.fake.faults.clear()
    handle = case.destination.find(photo.name)
    assert handle is not None
    case.destination.delete(handle)
    assert case.destination.find(photo.name) is None
    assert case.there()[1] == 0


def test_a_photo_that_cannot_be_taken_back_is_said_to_be_there(case: Case) -> None:
    where = "/api/v1/statuses/" if isinstance(case.fake, MastodonFake) else "/api/assets/"
    case.fake.fail("GET", where, busy(503))
    case.fake.fail("DELETE", "/api/", Cut.BEFORE_BODY, times=9)
    with pytest.raises(TransientError, match="may still be there"):
        case.destination.put(item(), Wish())


def test_a_full_server_ends_all_uploads_and_has_nothing(case: Case) -> None:
    for method, path in case.uploads:
        case.fake.fail(method, path, Answer(507, {"error": "Insufficient Storage", "message": "Insufficient Storage"}))
        with pytest.raises(UploadError, match="full"):
            case.destination.put(item(), Wish())
        assert case.there() == (0, 0)


def test_a_quota_that_is_used_up_is_a_full_server_too() -> None:
    for case in immich():
        case.fake.fail("POST", "/api/assets", Answer(400, {"message": "Quota has been exceeded!"}))
        with pytest.raises(UploadError, match="Quota has been exceeded"):
            case.destination.put(item(), Wish())


def test_a_photo_that_is_too_large_for_the_server_ends_that_photo_alone(case: Case) -> None:
    method, path = case.uploads[0]
    case.fake.fail(method, path, Answer(413, b"<html>Request Entity Too Large</html>", {"Content-Type": "text/html"}))
    with pytest.raises(TransferError, match="413") as caught:
        case.destination.put(item(), Wish())
    assert not isinstance(caught.value, TransientError)


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_end_on_the_way_end_all_uploads(case: Case, status: int) -> None:
    for method, path in case.uploads:
        case.fake.fail(method, path, Answer(status, {"error": "The access token was revoked", "message": "no"}))
        with pytest.raises(CredentialsError):
            case.destination.put(item(), Wish())
        assert case.there() == (0, 0)


def test_an_answer_that_is_no_json_is_an_error_of_ours(case: Case) -> None:
    where = "/api/v1/accounts/" if isinstance(case.fake, MastodonFake) else "/api/server/version"
    case.fake.fail("GET", where, Answer(200, b"<html>Welcome to your hotel</html>", {"Content-Type": "text/html"}))
    with pytest.raises(TransferError, match=r"127\.0\.0\.1"):
        case.destination.check(Wish())


def test_a_deletion_that_the_server_only_says_it_did_is_not_believed(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "fediverse" if isinstance(case.fake, MastodonFake) else "immich"
    monkeypatch.setattr(f"cloak.upload.destinations.{module}._PATIENCE", 1.0)
    placed = case.destination.put(item(), Wish())
    case.fake.fail("DELETE", "/api/", Answer(200, {"id": "1", "media_attachments": []}))
    with pytest.raises(TransferError, match="after it was deleted"):
        case.destination.delete(placed.handle)
    assert case.destination.look(placed.handle) is not None


def test_a_link_that_cannot_be_read_back_is_deleted_with_its_photo() -> None:
    for case in immich():
        assert isinstance(case.fake, ImmichFake)
        case.fake.fail("GET", "/api/shared-links/", busy(503))
        with pytest.raises(TransientError):
            case.destination.put(item(), Wish(audience=Audience.LINK))
        assert (case.fake.links, case.fake.assets) == ({}, {})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_photo_does_not_follow_a_redirect_to_another_server(status: int) -> None:
    elsewhere = MastodonFake()
    with elsewhere.running() as there:
        for case in mastodon():
            to = Answer(status, {}, {"Location": f"{there}/api/v2/media"})
            case.fake.fail("POST", "/api/v2/media", to)
            with pytest.raises(UploadError, match=rf"answered {status}, to '{there}/.*: use that address"):
                case.destination.put(item(), Wish())
            case.fake.fail("GET", "/api/v1/accounts", to)
            with pytest.raises(UploadError, match=str(status)):
                case.destination.check(Wish())
            assert case.there() == (0, 0)
    assert elsewhere.requests == []


def test_the_end_of_a_limit_is_no_reason_to_wait_where_it_is_not_reached() -> None:
    for case in mastodon():
        reset = (datetime.now(UTC) + timedelta(minutes=29)).isoformat()
        limits = {"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "29", "X-RateLimit-Reset": reset}
        case.fake.fail("POST", "/api/v2/media", Answer(500, {"error": "oops"}, limits))
        with pytest.raises(TransientError) as caught:
            case.destination.put(item(), Wish())
        assert caught.value.after is None


def test_the_end_of_a_limit_may_be_in_seconds_since_1970_as_gotosocial_has_it() -> None:
    for case in mastodon():
        reset = str(int((datetime.now(UTC) + timedelta(seconds=40)).timestamp()))
        case.fake.fail("POST", "/api/v2/media", Answer(429, {"error": "slow"}, {"X-RateLimit-Reset": reset}))
        with pytest.raises(TransientError) as caught:
            case.destination.put(item(), Wish())
        assert 35 < (caught.value.after or 0) <= 40


@pytest.mark.parametrize("body", [b"404 page not found\n", {"message": "no route"}, {"error": "not found"}], ids=str)
def test_a_proxy_that_says_of_everything_that_there_is_none_makes_nothing_gone(case: Case, body: object) -> None:
    """As before a server that is down, in the middle of a run: who signed in is known by then."""
    placed = case.destination.put(item(), Wish())
    for method in ("GET", "DELETE", "POST"):
        case.fake.fail(method, "/", Answer(404, body), times=99)
    for act in (case.destination.delete, case.destination.look):
        with pytest.raises(TransferError):
            act(placed.handle)
    case.fake.faults.clear()
    assert case.there() == (1, 1)
    assert case.destination.look(placed.handle) is not None
    case.destination.delete(placed.handle)
    assert case.there() == (0, 0)
