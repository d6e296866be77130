"""S3, on moto: versions, locks, policies, and who is let in. Links, which it does not end, are tested on s3rver."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cloak.errors import AudienceError, ConfigError, CredentialsError, TransferError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Wish
from cloak.upload.destinations.s3 import S3

from .items import item
from .servers import moto as moto_server
from .servers.moto import Moto

LINK = Wish(audience=Audience.LINK)
PUBLIC = Wish(audience=Audience.PUBLIC)


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with moto_server.running(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(autouse=True)
def no_aws_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def connect(address: str, bucket: str, keys: tuple[str, str] | None, **settings: str) -> S3:
    held = dict(zip(("s3.access-key-id", "s3.secret-access-key"), keys or (), strict=False))
    return S3.open({"bucket": bucket, "endpoint": address, **settings}, Credentials("s3", held.get))


@pytest.fixture
def bucket(moto: Moto) -> str:
    moto.judge_keys(judge=False)
    return moto.bucket(f"photos-{secrets.token_hex(4)}")


@pytest.fixture
def destination(moto: Moto, bucket: str) -> Iterator[S3]:
    made = connect(moto.address, bucket, (moto.key, moto.secret), prefix="cloak")
    yield made
    made.close()


def test_moto_refuses_anonymous_requests_for_an_upload_and_has_it_whole(moto: Moto, destination: S3) -> None:
    photo = item()
    destination.check(Wish())
    placed = destination.put(photo, Wish())
    key = placed.handle.removeprefix("s3://")
    assert placed.audience is Audience.OWNER
    assert (placed.link, placed.expires) == (None, None)
    assert httpx.get(f"{moto.address}/{key}").status_code == 403
    bucket, _, name = key.partition("/")
    there = moto.client.get_object(Bucket=bucket, Key=name)
    assert there["Body"].read() == photo.file.data
    assert name == f"cloak/{photo.name}"


def test_an_object_has_a_media_type_and_is_not_to_be_cached_and_says_nothing_else(moto: Moto, destination: S3) -> None:
    bucket, _, key = destination.put(item(alt="me"), Wish()).handle.removeprefix("s3://").partition("/")
    there = moto.client.head_object(Bucket=bucket, Key=key)
    assert (there["ContentType"], there["CacheControl"]) == ("image/jpeg", "private, no-store")
    assert there["Metadata"] == {}
    grants = moto.client.get_object_acl(Bucket=bucket, Key=key)["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]
    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]


def test_deleted_is_gone_and_deleting_again_is_well(destination: S3) -> None:
    placed = destination.put(item(), Wish())
    assert destination.look(placed.handle) == placed
    destination.delete(placed.handle)
    assert destination.look(placed.handle) is None
    destination.delete(placed.handle)


def test_all_versions_are_deleted_since_a_marker_of_deletion_deletes_nothing(moto: Moto, destination: S3) -> None:
    photo = item()
    bucket, _, key = destination.put(photo, Wish()).handle.removeprefix("s3://").partition("/")
    moto.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    moto.client.put_object(Bucket=bucket, Key=key, Body=photo.file.data)
    moto.client.put_object(Bucket=bucket, Key=f"{key}.other", Body=b"not ours")
    moto.client.delete_object(Bucket=bucket, Key=key)
    handle = f"s3://{bucket}/{key}"
    assert destination.look(handle) is not None
    assert destination.find(photo.name) == handle
    destination.delete(handle)
    left = moto.client.list_object_versions(Bucket=bucket)
    assert [version["Key"] for version in left["Versions"]] == [f"{key}.other"]
    assert "DeleteMarkers" not in left
    assert destination.look(handle) is None


def test_unfinished_uploads_in_parts_are_found_and_ended(moto: Moto, bucket: str, destination: S3) -> None:
    photo = item()
    moto.client.create_multipart_upload(Bucket=bucket, Key=f"cloak/{photo.name}")
    handle = destination.find(photo.name)
    assert handle == f"s3://{bucket}/cloak/{photo.name}"
    destination.delete(handle)
    assert "Uploads" not in moto.client.list_multipart_uploads(Bucket=bucket)
    assert destination.find(photo.name) is None


def test_what_is_locked_is_said_to_be_there_until_when(moto: Moto) -> None:
    moto.judge_keys(judge=False)
    bucket = moto.bucket(f"locked-{secrets.token_hex(4)}", ObjectLockEnabledForBucket=True)
    destination = connect(moto.address, bucket, (moto.key, moto.secret))
    placed = destination.put(item(), Wish())
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    moto.client.put_object_retention(
        Bucket=bucket, Key=placed.handle.rpartition("/")[2], Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
    )
    with pytest.raises(TransferError, match=f"locked until {until:%Y-%m-%d %H:%M} .COMPLIANCE.") as caught:
        destination.delete(placed.handle)
    assert type(caught.value) is TransferError
    assert destination.look(placed.handle) is not None


def test_a_bucket_that_locks_for_longer_than_wished_is_refused_before_anything_is_sent(moto: Moto) -> None:
    moto.judge_keys(judge=False)
    bucket = moto.bucket(f"locked-{secrets.token_hex(4)}", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}
    moto.client.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    destination = connect(moto.address, bucket, (moto.key, moto.secret))
    with pytest.raises(UploadError, match="30 days"):
        destination.check(Wish(expires=soon(86400)))
    destination.check(Wish(expires=soon(40 * 86400)))


def test_a_bucket_that_moto_opens_to_all_is_refused_without_public(moto: Moto, bucket: str, destination: S3) -> None:
    destination.check(Wish())
    moto.open_to_all(bucket)
    with pytest.raises(AudienceError, match="--public"):
        destination.check(Wish())
    with pytest.raises(AudienceError, match="deleted again"):
        destination.put(photo := item(), Wish())
    assert destination.find(photo.name) is None
    assert "Contents" not in moto.client.list_objects_v2(Bucket=bucket)
    placed = destination.put(item(), PUBLIC)
    assert placed.audience is Audience.PUBLIC
    assert httpx.get(placed.link or "").status_code == 200


def test_a_blocked_policy_counts_as_private(moto: Moto, bucket: str, destination: S3) -> None:
    moto.open_to_all(bucket)
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    moto.client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    destination.check(Wish())


def test_public_in_a_private_bucket_says_that_nobody_sees_it(destination: S3) -> None:
    assert destination.put(item(), PUBLIC).audience is Audience.OWNER


def test_no_link_is_given_away_where_moto_does_not_end_links(destination: S3) -> None:
    with pytest.raises(AudienceError, match="for ever"):
        destination.put(photo := item(), LINK)
    assert destination.find(photo.name) is None


def test_moto_that_judges_keys_refuses_anonymous_requests_and_wrong_keys(moto: Moto, bucket: str) -> None:
    moto.judge_keys(judge=True)
    try:
        right = connect(moto.address, bucket, (moto.key, moto.secret))
        right.check(Wish())
        assert right.put(item(), Wish()).audience is Audience.OWNER
        for keys in ((moto.key, "wrong-secret-value"), ("AKIAWRONG", moto.secret)):
            wrong = connect(moto.address, bucket, keys)
            for act in (lambda wrong=wrong: wrong.check(Wish()), lambda wrong=wrong: wrong.put(item(), Wish())):
                with pytest.raises(CredentialsError) as caught:
                    act()
                assert keys[1] not in str(caught.value)
    finally:
        moto.judge_keys(judge=False)


def test_keys_of_the_aws_tools_are_used_where_there_are_no_others(
    moto: Moto, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CredentialsError, match="AWS tools"):
        connect(moto.address, bucket, None).check(Wish())
    (tmp_path / "credentials").write_text(
        f"[mine]\naws_access_key_id={moto.key}\naws_secret_access_key={moto.secret}\n"
    )
    connect(moto.address, bucket, None, profile="mine").check(Wish())
    with pytest.raises(CredentialsError, match="other"):
        connect(moto.address, bucket, None, profile="other")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto.secret)
    connect(moto.address, bucket, None).check(Wish())


def test_half_a_pair_of_keys_is_refused() -> None:
    with pytest.raises(CredentialsError, match="secret-access-key"):
        S3.open({"bucket": "photos"}, Credentials("s3", {"s3.access-key-id": "AKIA"}.get))


def test_a_bucket_that_is_not_there_is_said_to_be(moto: Moto) -> None:
    with pytest.raises(UploadError, match="no such bucket"):
        connect(moto.address, "nowhere-at-all", (moto.key, moto.secret)).check(Wish())


def test_a_missing_bucket_has_not_deleted_anything(moto: Moto) -> None:
    missing = connect(moto.address, "nowhere-at-all", (moto.key, moto.secret))
    with pytest.raises((TransferError, UploadError)):
        missing.delete("s3://nowhere-at-all/x.jpg")


def test_a_handle_of_another_bucket_is_refused_and_not_called_gone(destination: S3) -> None:
    for act in (destination.look, destination.delete):
        with pytest.raises(TransferError, match="not in bucket"):
            act("s3://another-bucket/cloak/x.jpg")


def test_the_same_photo_twice_is_there_twice_and_deleted_one_by_one(destination: S3) -> None:
    first, second = (destination.put(item(seed=1), Wish()).handle for _ in range(2))
    assert first != second
    destination.delete(first)
    assert destination.look(first) is None
    assert destination.look(second) is not None


@pytest.mark.parametrize("album", ["Sommer in Köln 🌻", "写真" * 150, "../up", "a/b?c#d%20e"])
def test_albums_of_any_name_are_found_again(destination: S3, album: str) -> None:
    photo = item()
    placed = destination.put(photo, Wish(album=album))
    assert destination.find(photo.name) == placed.handle
    assert destination.look(placed.handle) is not None
    destination.delete(placed.handle)
    assert destination.find(photo.name) is None


def test_names_of_300_characters_are_taken(destination: S3) -> None:
    photo = item("ü" * 150 + "x" * 146 + ".jpg")
    placed = destination.put(photo, Wish())
    assert destination.find(photo.name) == placed.handle
    destination.delete(placed.handle)


def test_a_second_put_of_a_name_replaces_the_first(moto: Moto, bucket: str, destination: S3) -> None:
    photo = item("a" * 32 + ".jpg", seed=1)
    destination.put(photo, Wish())
    other = item(photo.name, seed=2)
    placed = destination.put(other, Wish())
    objects = moto.client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [entry["Key"] for entry in objects] == [f"cloak/{photo.name}"]
    assert moto.client.get_object(Bucket=bucket, Key=f"cloak/{photo.name}")["Body"].read() == other.file.data
    assert destination.find(photo.name) == placed.handle


def test_a_rule_that_deletes_objects_is_read_back_as_expiry() -> None:
    from cloak.upload.destinations.s3 import _lifecycle  # noqa: PLC0415 -- no server here sends the header

    there = {"Expiration": 'expiry-date="Fri, 21 Dec 2035 00:00:00 GMT", rule-id="all"'}
    assert _lifecycle(there) == datetime(2035, 12, 21, tzinfo=UTC)
    assert _lifecycle({}) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"endpoint": "http://s3.example.org"}, "unencrypted"),
        ({"endpoint": "https://me:hunter2@s3.example.org"}, "a user or a password"),
        ({"bucket": ""}, "bucket"),
        ({"bucket": "a/b"}, "bucket"),
        ({"addressing": "sideways"}, "auto, path, virtual"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        S3.open({"bucket": "photos", **settings}, Credentials("s3"))
    assert "hunter2" not in str(caught.value)
