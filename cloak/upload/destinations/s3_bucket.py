"""The calls that uploads need of a bucket, with errors of ours."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError

from cloak.errors import TransferError, TransientError
from cloak.upload.backoff import soon
from cloak.upload.counting import Counted
from cloak.upload.destinations import anonymous, s3_links
from cloak.upload.destinations.s3_access import Access, connect
from cloak.upload.destinations.s3_errors import DENIED, UNSUPPORTED, asked, code, lacking, status, translated
from cloak.upload.destinations.s3_readers import Readers
from cloak.upload.errors import size_untold, underway


class Bucket:
    """A bucket, as we see it.

    Attributes:
        name: what it is called.
        readers: those who can read from it.
    """

    def __init__(self, name: str, access: Access) -> None:
        self.name = name
        self._plain = False
        self._client, self._anonymous = connect(name, access)
        self.readers = Readers(name, self._client, self._anonymous, access.shown)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()
        self._anonymous.close()

    def put(self, key: str, data: bytes, kind: str, told: Callable[[int], object] = lambda _: None) -> None:
        """Store an object, and see that the server has all of it.

        Args:
            key: its name.
            data: its content.
            kind: its media type.
            told: called with the number of bytes that have left.
        """
        sha256 = base64.b64encode(hashlib.sha256(data).digest()).decode()
        with self._counted(told) as sent, translated(f"upload to bucket {self.name}", sent):
            self._checked(
                self._client.put_object,
                {"ChecksumSHA256": sha256},
                Key=key,
                Body=data,
                ContentType=kind,
                CacheControl="private, no-store",
                ContentMD5=base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
            )
        with underway():
            there = soon(lambda: self.head(key), lambda found: found is not None)
        if there is not None and "ContentLength" not in there:
            raise size_untold(f"bucket {self.name}", key)
        if there is None or there["ContentLength"] != len(data) or there.get("ChecksumSHA256", sha256) != sha256:
            raise TransientError(f"bucket {self.name} does not have what was sent to it")

    @contextmanager
    def _counted(self, told: Callable[[int], object]) -> Iterator[Callable[[], bool]]:
        """Count what is sent; a body that counts by itself would count the signature's reading of it, too.

        Yields:
            says whether anything was.
        """
        most = 0

        def note(sent: int) -> None:
            nonlocal most
            most = max(most, sent)
            told(sent)

        def count(request: AWSPreparedRequest, **_: object) -> None:
            if isinstance(request.body, io.BytesIO):
                request.body = Counted(request.body.getvalue(), note)

        events = self._client.meta.events
        events.register("before-send.s3.PutObject", count)
        try:
            yield lambda: most > 0
        finally:
            events.unregister("before-send.s3.PutObject", count)

    def head(self, key: str) -> dict[str, Any] | None:
        """Return what the server says of an object; None if there is none."""
        return self._head(key)[0]

    def _head(self, key: str) -> tuple[dict[str, Any] | None, bool]:
        """What the server says of an object, and whether in its place is the marker of one that was deleted."""
        with translated(f"look into bucket {self.name}"):
            try:
                return self._checked(self._client.head_object, {"ChecksumMode": "ENABLED"}, Key=key), False
            except ClientError as error:
                if status(error) == 404:
                    said = error.response["ResponseMetadata"].get("HTTPHeaders", {})
                    return None, said.get("x-amz-delete-marker", "").lower() == "true"
                raise

    def _checked(self, call: Callable[..., dict[str, Any]], checksum: dict[str, str], **fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- boto3's
        """Make a call with a checksum of a kind that older servers refuse; never again with one if this one does."""
        if not self._plain:
            try:
                return call(Bucket=self.name, **fields, **checksum)
            except ClientError as error:
                if code(error) not in UNSUPPORTED:
                    raise
                self._plain = True
        return call(Bucket=self.name, **fields)

    def locked_for(self) -> timedelta:
        """Return how long the bucket keeps new objects from being deleted, by default."""
        answer = asked(self._client.get_object_lock_configuration, self.name) or {}
        rule = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
        return timedelta(days=rule.get("Days", 0) + 365 * rule.get("Years", 0))

    def folders(self, prefix: str) -> list[str]:
        """Return the prefixes one level below a prefix."""
        pages = self._pages(Prefix=prefix, Delimiter="/")
        return [folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", ())]

    def there(self, key: str) -> bool:
        """Whether anything of an object is left: itself, a version or the marker of one, an unfinished upload.

        Raises:
            TransientError: nobody can tell, as what answers is not the bucket.
            TransferError: nobody can tell, as there are old versions that we are not let see.
        """
        found, marked = self._head(key)
        versions = self.versions(key)
        if found or marked or versions or self.uploads(key):
            return True
        if versions is None and self._keeps_versions():
            raise self._unseen(key)
        return self._lists(key)

    def hides_versions(self, key: str) -> bool:
        """Whether a bucket keeps versions, or may, and does not let us see those of an object."""
        with translated(f"look into bucket {self.name}"):
            try:
                self._client.list_object_versions(Bucket=self.name, Prefix=key)
            except ClientError as error:
                if not lacking(error):
                    raise
                kept = self._keeps_versions()
                return code(error) in DENIED if kept is None else kept  # what lacks both calls has no versions
        return False

    def versions(self, key: str) -> list[str] | None:
        """Return the versions of an object, markers of deletion among them; None where the server has no such call."""
        return self._listed("list_object_versions", ("Versions", "DeleteMarkers"), key, "VersionId")

    def uploads(self, key: str) -> list[str]:
        """Return the unfinished uploads in parts of an object."""
        return self._listed("list_multipart_uploads", ("Uploads",), key, "UploadId") or []

    def erase(self, key: str) -> None:
        """Delete all versions of an object and its unfinished uploads, and see that nothing is left.

        Raises:
            TransferError: something may be.
        """
        with translated(f"delete an object of bucket {self.name}"):
            for upload in self.uploads(key):
                self._client.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload)
            versions = self.versions(key)
            for version in versions or ():
                self._erase_version(key, version)
            # some servers take the question for versions for one for objects, and so list none of what is there
            found, marked = (None, False) if versions else self._head(key)
            if found is not None:
                self._erase_unlisted(key)
            if versions is None and marked:  # deleted before, in name
                raise self._unseen(key)
        if soon(lambda: self.there(key), lambda left: not left):
            raise TransferError(f"bucket {self.name} still has {key} after it was told to delete it")

    def link(self, key: str, until: datetime | None) -> tuple[str, datetime]:
        """Return a link to an object and when it ends."""
        with translated(f"make a link into bucket {self.name}"):
            return s3_links.presign(self._client, self.name, key, until)

    def check_links(self, key: str) -> None:
        """See that links open an object, and that the server ends them."""
        there = self.head(key) or {}
        behind = s3_links.check_clock(there.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
        link, _ = self.link(key, None)
        answered = anonymous.status_of(link, "open a link")
        if answered not in {200, 206}:
            raise TransferError(f"bucket {self.name} does not open its own links: it answered {answered}")
        s3_links.check_ends(self._client, self.name, key, behind)

    def _lists(self, key: str) -> bool:
        """Whether a bucket has an object by its list; a 404 is also what a proxy says of a server that is down."""
        try:
            pages = self._pages(Prefix=key)
        except TransferError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or status(cause) != 404:
                raise
            raise TransientError(
                f"cannot tell whether {key} is gone: what answers in place of bucket {self.name} says 404 to "
                "everything, as a proxy does whose server is down"
            ) from error
        return any(entry["Key"] == key for page in pages for entry in page.get("Contents", ()))

    def _pages(self, **where: str) -> list[dict[str, Any]]:
        """List objects, in the second way to do so, or else in the first."""
        with translated(f"look into bucket {self.name}"):
            try:
                return list(self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, **where))
            except ClientError as error:
                if code(error) not in UNSUPPORTED:
                    raise
                return list(self._client.get_paginator("list_objects").paginate(Bucket=self.name, **where))

    def _erase_version(self, key: str, version: str) -> None:
        try:
            self._client.delete_object(Bucket=self.name, Key=key, VersionId=version)
        except ClientError as error:
            locked = self._locked(key, version) if code(error) in DENIED else None
            if locked is None:
                raise
            raise TransferError(f"bucket {self.name} keeps {key} {locked}: it cannot be deleted before") from error

    def _erase_unlisted(self, key: str) -> None:
        answer = self._client.delete_object(Bucket=self.name, Key=key)
        if answer.get("DeleteMarker"):
            raise self._unseen(key)

    def _unseen(self, key: str) -> TransferError:
        return TransferError(
            f"bucket {self.name} keeps old versions of {key} and does not let us see them: the photo is still there; "
            "allow s3:ListBucketVersions and s3:DeleteObjectVersion, or delete its versions there"
        )

    def _keeps_versions(self) -> bool | None:
        """Whether old versions are kept of what is deleted; None where the server does not tell."""
        answer = asked(self._client.get_bucket_versioning, self.name)
        return None if answer is None else answer.get("Status") in {"Enabled", "Suspended"}

    def _locked(self, key: str, version: str) -> str | None:
        """Say until when an object is locked; None if it is not, or nobody tells."""
        there = asked(self._client.head_object, self.name, Key=key, VersionId=version) or {}
        if "ObjectLockRetainUntilDate" in there:
            return f"locked until {there['ObjectLockRetainUntilDate']:%Y-%m-%d %H:%M} ({there.get('ObjectLockMode')})"
        held = there.get("ObjectLockLegalHoldStatus") == "ON"
        return "under a legal hold until somebody takes it off" if held else None

    def _listed(self, operation: str, kinds: tuple[str, ...], key: str, name: str) -> list[str] | None:
        with translated(f"look into bucket {self.name}"):
            try:
                pages = list(self._client.get_paginator(operation).paginate(Bucket=self.name, Prefix=key))
            except ClientError as error:
                if lacking(error):
                    return None
                raise
        return [entry[name] for page in pages for kind in kinds for entry in page.get(kind, ()) if entry["Key"] == key]
