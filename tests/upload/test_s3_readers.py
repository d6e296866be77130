"""S3: a bucket whose server refuses strangers, while another address shows it to everybody."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import unquote

import pytest

from cloak.errors import AudienceError, ConfigError, TransferError
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.s3 import S3

from .items import item
from .kinds import held
from .servers import s3rver
from .servers.gate import Playing
from .servers.loopback import Answer, Loopback, Request
from .servers.programs import free_port

PUBLIC = Wish(audience=Audience.PUBLIC)


class Make(Playing, s3rver.Gate):
    """A gate that plays another make."""


class Shop(Loopback):
    """An address that shows a bucket to everybody.

    Attributes:
        status: what it answers to all; 0 to show what there is.
    """

    def __init__(self, server: str) -> None:
        super().__init__()
        self._gate = s3rver.Gate(server)
        self._gate.careless = True
        self.status = 0
        self.seen: list[str] = []

    def answer(self, request: Request) -> Answer:
        self.seen.append(unquote(request.path))
        if self.status:
            return Answer(self.status, b"", {"Location": "https://sign.in.example"} if self.status == 302 else {})
        target = f"/{s3rver.BUCKET}{request.target}"
        return self._gate.answer(Request(request.method, target, {}, {"Host": "localhost"}, b"", target))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3rver.running(tmp_path_factory.mktemp("s3rver")) as address:
        yield address


@pytest.fixture
def make(server: str) -> Iterator[Make]:
    gate = Make(server)
    with gate.running():
        yield gate


@pytest.fixture
def shop(server: str) -> Iterator[Shop]:
    made = Shop(server)
    with made.running():
        yield made


def opened(make: Make, shown: str = "", **settings: str) -> S3:
    secrets = held(**{"access-key-id": s3rver.KEY, "secret-access-key": s3rver.KEY})
    given = {"bucket": s3rver.BUCKET, "endpoint": make.address, "public-address": shown, **settings}
    return S3.open(given, secrets)


def error(status: int, code: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


def like_cloudflare(request: Request) -> Answer | None:
    """Refuse whoever signs nothing, whether or not the bucket is public elsewhere."""
    signed = "Authorization" in request.headers or "X-Amz-Signature" in request.query
    return None if signed else error(400, "InvalidArgument")


def like_ceph(request: Request) -> Answer | None:
    """Look for a stranger's object among those of another tenant."""
    return error(404, "NoSuchBucket") if like_cloudflare(request) else None


def like_garage(request: Request) -> Answer | None:
    """Have a website, and refuse strangers at the address of the API."""
    page = b"<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>"
    return Answer(200, page, {"Content-Type": "application/xml"}) if "website" in request.query else None


@pytest.mark.parametrize("own", [like_cloudflare, like_garage])
def test_a_refusal_that_a_public_bucket_gives_too_proves_nothing(make: Make, own: object) -> None:
    make.own = own
    with closing(opened(make)) as destination:
        with pytest.raises(AudienceError, match=r"public-address.*none.*--public"):
            destination.check(Wish())
        assert "PUT" not in [method for method, _ in make.requests]
        photo = item()
        with pytest.raises(AudienceError, match=r"deleted again.*public-address"):
            destination.put(photo, Wish())
        assert destination.find(photo.name) is None
        destination.check(PUBLIC)
        placed = destination.put(item(), PUBLIC)
        assert (placed.audience, placed.link) == (Audience.PUBLIC, None)
        destination.delete(placed.handle)
        assert destination.look(placed.handle) is None


def test_an_object_that_strangers_do_not_find_where_it_is_is_not_refused_to_them(make: Make) -> None:
    make.own = like_ceph
    with closing(opened(make)) as destination:
        destination.check(Wish())
        with pytest.raises(AudienceError, match=r"answers 404.*deleted again"):
            destination.put(photo := item(), Wish())
        assert destination.find(photo.name) is None


@pytest.mark.parametrize("own", [like_cloudflare, like_ceph, like_garage])
def test_where_no_other_address_shows_the_bucket_by_the_user_s_word_a_refusal_is_one(make: Make, own: object) -> None:
    make.own = own
    with closing(opened(make, "none")) as destination:
        destination.check(Wish())
        placed = destination.put(item(), Wish())
        assert placed.audience is Audience.OWNER
        destination.delete(placed.handle)


@pytest.mark.parametrize("own", [like_cloudflare, lambda _: None], ids=["cloudflare", "any"])
def test_an_address_that_shows_the_bucket_to_all_is_asked_and_found_out(make: Make, shop: Shop, own: object) -> None:
    make.own = own
    with closing(opened(make, f"{shop.address}/", prefix="my photos")) as destination:
        destination.check(Wish())
        photo = item()
        with pytest.raises(AudienceError, match=f"status 20.*{shop.address}.*deleted again"):
            destination.put(photo, Wish())
        assert f"/my photos/{photo.name}" in shop.seen
        assert destination.find(photo.name) is None
        placed = destination.put(other := item(), PUBLIC)
        assert (placed.audience, placed.link) == (Audience.PUBLIC, f"{shop.address}/my%20photos/{other.name}")
        destination.delete(placed.handle)


@pytest.mark.parametrize("status", [401, 403])
def test_an_address_that_refuses_strangers_shows_them_nothing(make: Make, shop: Shop, status: int) -> None:
    make.own = like_cloudflare
    shop.status = status
    with closing(opened(make, f"{shop.address}, {shop.address}/two")) as destination:
        destination.check(Wish())
        placed = destination.put(photo := item(), Wish())
        assert placed.audience is Audience.OWNER
        assert {f"/{photo.name}", f"/two/{photo.name}"} <= set(shop.seen)
        destination.delete(placed.handle)


@pytest.mark.parametrize("status", [302, 404, 410])
def test_an_address_that_neither_shows_nor_refuses_may_be_another_than_meant(
    make: Make, shop: Shop, status: int
) -> None:
    make.own = like_cloudflare
    shop.status = status
    with closing(opened(make, shop.address)) as destination:
        with pytest.raises(AudienceError, match=f"answered {status}: see that public-address is right"):
            destination.put(photo := item(), Wish())
        assert destination.find(photo.name) is None


def test_an_address_at_which_nobody_answers_is_found_out_before_anything_is_sent(make: Make) -> None:
    make.own = like_cloudflare
    with closing(opened(make, f"http://127.0.0.1:{free_port()}")) as destination:
        with pytest.raises(TransferError, match="see who can read at"):
            destination.check(Wish())
        assert "PUT" not in [method for method, _ in make.requests]


@pytest.mark.parametrize("status", [200, 206])
def test_an_address_that_shows_something_whatever_is_asked_is_refused_at_once(
    make: Make, shop: Shop, status: int
) -> None:
    shop.status = status
    with closing(opened(make, shop.address)) as destination, pytest.raises(AudienceError, match="everybody"):
        destination.check(Wish())


@pytest.mark.parametrize("shown", ["somewhere", "none https://example.org", "http://pub.example.org"])
def test_an_address_that_is_none_is_refused(make: Make, shown: str) -> None:
    with pytest.raises(ConfigError):
        opened(make, shown)


@pytest.mark.parametrize(
    "answer", [(404, "NoSuchWebsiteConfiguration"), (501, "NotImplemented"), (403, "AccessDenied")]
)
def test_servers_without_websites_or_that_do_not_tell_of_them_are_used_all_the_same(
    make: Make, answer: tuple[int, str]
) -> None:
    make.own = lambda request: error(*answer) if "website" in request.query else None
    with closing(opened(make)) as destination:
        destination.check(Wish())
        placed = destination.put(item(), Wish())
        assert placed.audience is Audience.OWNER
        destination.delete(placed.handle)
