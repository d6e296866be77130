"""S3: old versions that the access key does not let us see, on moto behind a gate that refuses to list them."""

from collections.abc import Callable, Iterator
from contextlib import closing
from secrets import token_hex
from typing import Any

import pytest

from cloak.errors import CredentialsError, TransferError
from cloak.upload.destination import Wish
from cloak.upload.destinations.s3 import S3

from .items import item
from .kinds import held
from .servers import moto as moto_server
from .servers.gate import Gate, Playing
from .servers.loopback import Answer, Request
from .servers.moto import Moto


class Guard(Playing, Gate):
    """A gate that answers some questions itself, and can keep a header for itself."""

    without = ""

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        kept = {name: value for name, value in answer.headers.items() if name.lower() != self.without}
        return Answer(answer.status, answer.body, kept)


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with moto_server.running(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def guard(moto: Moto) -> Iterator[Guard]:
    made = Guard(moto.address)
    with made.running():
        yield made


@pytest.fixture
def bucket(moto: Moto) -> str:
    return moto.bucket(f"photos-{token_hex(4)}")


@pytest.fixture
def destination(moto: Moto, guard: Guard, bucket: str) -> Iterator[S3]:
    keys = held(**{"access-key-id": moto.key, "secret-access-key": moto.secret})
    with closing(S3.open({"bucket": bucket, "endpoint": guard.address, "prefix": "cloak"}, keys)) as made:
        yield made


def keep_versions(moto: Moto, bucket: str, status: str = "Enabled") -> None:
    moto.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def refusing(status: int, code: str, *questions: str) -> Callable[[Request], Answer | None]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    answer = Answer(status, body, {"Content-Type": "application/xml"})
    return lambda request: answer if set(questions) & set(request.query) else None


@pytest.mark.parametrize("answer", [(403, "AccessDenied"), (501, "NotImplemented")], ids=lambda one: one[1])
def test_a_key_that_may_not_see_the_versions_that_a_bucket_keeps_is_refused_before_anything_is_sent(
    moto: Moto, guard: Guard, bucket: str, destination: S3, answer: tuple[int, str]
) -> None:
    for status in ("Enabled", "Suspended"):
        keep_versions(moto, bucket, status)
        guard.own = lambda _: None
        destination.check(Wish())
        guard.own = refusing(*answer, "versions", "versionId")
        with pytest.raises(CredentialsError, match="s3:ListBucketVersions and s3:DeleteObjectVersion"):
            destination.check(Wish())
    assert "PUT" not in [method for method, _ in guard.requests]


def test_a_key_that_may_not_see_versions_is_good_for_a_bucket_that_keeps_none(guard: Guard, destination: S3) -> None:
    guard.own = refusing(403, "AccessDenied", "versions")
    destination.check(Wish())
    placed = destination.put(item(), Wish())
    destination.delete(placed.handle)
    assert destination.look(placed.handle) is None


def test_where_neither_versions_nor_whether_they_are_kept_may_be_seen_the_key_is_refused(
    guard: Guard, destination: S3
) -> None:
    guard.own = refusing(403, "AccessDenied", "versions", "versioning")
    with pytest.raises(CredentialsError, match="or s3:GetBucketVersioning where no versions are kept"):
        destination.check(Wish())
    guard.own = refusing(501, "NotImplemented", "versions", "versioning")  # it has no versions
    destination.check(Wish())


@pytest.mark.parametrize("told", [True, False], ids=["", "without the header"])
def test_a_photo_of_which_an_old_version_is_left_is_not_gone_however_often_it_is_deleted(
    moto: Moto, guard: Guard, bucket: str, destination: S3, *, told: bool
) -> None:
    keep_versions(moto, bucket)
    photo = item()
    placed = destination.put(photo, Wish())
    guard.own = refusing(403, "AccessDenied", "versions", "versionId")
    guard.without = "" if told else "x-amz-delete-marker"
    for _ in range(3):
        with pytest.raises(TransferError, match="s3:DeleteObjectVersion"):
            destination.delete(placed.handle)
    if told:
        assert destination.look(placed.handle) is not None
        assert destination.find(photo.name) == placed.handle
    else:
        for look in (lambda: destination.look(placed.handle), lambda: destination.find(photo.name)):
            with pytest.raises(TransferError, match="the photo is still there"):
                look()
    assert kept(moto, bucket) == [f"cloak/{photo.name}"]
    guard.own = lambda _: None
    destination.delete(placed.handle)
    assert (kept(moto, bucket), destination.look(placed.handle)) == ([], None)


def kept(moto: Moto, bucket: str) -> list[str]:
    found: dict[str, Any] = moto.client.list_object_versions(Bucket=bucket)
    return [version["Key"] for version in found.get("Versions", ())]
