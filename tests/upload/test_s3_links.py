"""Links into S3, on s3rver, which ends them; it lets everybody read, so for most tests a gate is before it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from cloak.errors import AudienceError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Placed, Wish
from cloak.upload.destinations.s3 import S3

from .items import item
from .servers import s3rver as s3rver_server
from .servers.s3rver import BUCKET, KEY

LINK = Wish(audience=Audience.LINK)
PUBLIC = Wish(audience=Audience.PUBLIC)


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def connect(address: str) -> S3:
    keys = {"s3.access-key-id": KEY, "s3.secret-access-key": KEY}
    return S3.open({"bucket": BUCKET, "endpoint": address}, Credentials("s3", keys.get))


@pytest.fixture(scope="module")
def s3rver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3rver_server.running(tmp_path_factory.mktemp("s3rver")) as server:
        yield server


@pytest.fixture
def open_s3rver(s3rver: str) -> Iterator[S3]:
    made = connect(s3rver)
    yield made
    made.close()


@pytest.fixture
def gated(s3rver: str) -> Iterator[S3]:
    """s3rver, with somebody before it who refuses requests without credentials."""
    gate = s3rver_server.Gate(s3rver)
    with gate.running() as address:
        made = connect(address)
        yield made
        made.close()


def test_s3rver_that_lets_everybody_read_is_refused_without_public(open_s3rver: S3) -> None:
    open_s3rver.check(Wish())
    with pytest.raises(AudienceError, match="status 200 without an account"):
        open_s3rver.put(photo := item(), Wish())
    assert open_s3rver.find(photo.name) is None
    placed = open_s3rver.put(photo, PUBLIC)
    assert placed.audience is Audience.PUBLIC
    open_s3rver.delete(placed.handle)
    assert httpx.get(placed.link or "").status_code == 404


def test_a_link_opens_s3rver_for_three_seconds_and_then_no_longer(gated: S3) -> None:
    photo = item()
    gated.put(item(), LINK)  # the first one tries out whether links end at all, which takes its time
    wished = soon(4)
    placed = gated.put(photo, Wish(audience=Audience.LINK, expires=wished))
    assert placed.audience is Audience.LINK
    assert placed.expires is not None
    assert placed.expires <= wished
    assert httpx.get((placed.link or "").partition("?")[0]).status_code == 403
    opened = httpx.get(placed.link or "")
    assert (opened.status_code, opened.content) == (200, photo.file.data)
    assert gated.look(placed.handle) == _without_link(placed)
    time.sleep(max(0.0, (placed.expires - datetime.now(UTC)).total_seconds()) + 1.5)
    assert httpx.get(placed.link or "").status_code == 403
    after = gated.look(placed.handle)
    assert after is not None
    assert after.audience is Audience.OWNER


def test_a_link_ends_with_its_object(gated: S3) -> None:
    placed = gated.put(item(), LINK)
    assert httpx.get(placed.link or "").status_code == 200
    gated.delete(placed.handle)
    assert httpx.get(placed.link or "").status_code == 404
    assert gated.look(placed.handle) is None


def test_a_link_for_longer_than_a_week_ends_after_a_week_and_that_is_what_is_reported(gated: S3) -> None:
    placed = gated.put(item(), Wish(audience=Audience.LINK, expires=soon(30 * 86400)))
    assert placed.expires is not None
    assert abs(placed.expires - soon(7 * 86400)) < timedelta(seconds=60)


def test_a_link_that_would_have_ended_is_refused_and_leaves_nothing(gated: S3) -> None:
    with pytest.raises(UploadError, match="ended already"):
        gated.put(photo := item(), Wish(audience=Audience.LINK, expires=soon(-1)))
    assert gated.find(photo.name) is None


def test_handles_hold_neither_signatures_nor_keys(gated: S3) -> None:
    placed = gated.put(item(), LINK)
    assert "X-Amz" not in placed.handle
    assert KEY not in placed.handle
    assert "X-Amz" not in repr(placed)


def _without_link(placed: Placed) -> Placed:
    return Placed(handle=placed.handle, audience=placed.audience, expires=placed.expires)
