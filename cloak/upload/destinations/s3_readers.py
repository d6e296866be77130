"""Who can read what is in a bucket: what it says of itself, and what somebody without an account gets."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from cloak.errors import AudienceError, TransientError, UnreachableError
from cloak.upload.backoff import soon
from cloak.upload.destination import Audience
from cloak.upload.destinations import anonymous
from cloak.upload.destinations.s3_errors import asked, status, translated

_WEBSITE = frozenset({"IndexDocument", "ErrorDocument", "RedirectAllRequestsTo", "RoutingRules"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What somebody without an account gets to see of an object.

    Attributes:
        audience: the owner or everybody; everybody, too, where nobody can tell.
        why: how that is known, or why it is not; "" for the owner.
        link: where everybody finds it; None where that is not known.
    """

    audience: Audience
    why: str = ""
    link: str | None = field(default=None, repr=False)


class Readers:
    """Those who can read from a bucket.

    A server that refuses whoever has no account at its own address may show the bucket at another: Cloudflare at
    r2.dev or a domain of one's own, Garage at that of a website. Where it gives a sign that it may, such addresses have
    to be named, and are asked too, or said to be none.

    Args:
        bucket: its name.
        owner: a client with keys.
        stranger: a client without.
        shown: addresses that may show the bucket to everybody; None if nobody said which.
    """

    def __init__(self, bucket: str, owner: BaseClient, stranger: BaseClient, shown: tuple[str, ...] | None) -> None:
        self._bucket, self._owner, self._stranger, self._shown = bucket, owner, stranger, shown

    def doubts(self, nothing: str) -> str | None:
        """Say before anything is uploaded why others may read it; None if nothing speaks for that.

        Args:
            nothing: a key that no object has.

        Raises:
            AudienceError: the server gave an answer that nobody understands.
            TransferError: it gave none.
        """
        if self._policy_is_public():
            return f"everybody can read what is in bucket {self._bucket}, by its policy"
        try:
            answered = self._status(nothing)
        except UnreachableError:
            raise
        except TransientError:  # as of moto, which stumbles over what is not there; it is asked again of each photo
            answered = 500
        for address, there in ((None, answered), *self._elsewhere(nothing)):
            if there < 300:
                return self._open(address, there)
        return self._unknown(403 if answered == 404 else answered)  # there is nothing to be found

    def seen(self, key: str) -> Seen:
        """Ask for an object as somebody without an account, and say whether they get it.

        Raises:
            AudienceError: an answer says neither yes nor no.
            TransferError: there was none.
        """
        answered = soon(lambda: self._status(key), lambda status: status != 404)
        if answered < 300:
            return Seen(audience=Audience.PUBLIC, why=self._open(None, answered), link=self._address(key))
        for address, there in self._elsewhere(key):
            if there in {200, 206}:
                why = self._open(address, there)
                return Seen(audience=Audience.PUBLIC, why=why, link=_at(address, key))
            if there not in {401, 403}:  # 404 is the answer of an address at which the bucket is not
                raise AudienceError(
                    f"cannot tell whether others can read from bucket {self._bucket}: without an account, {address} "
                    f"answered {there}: see that public-address is right, or set it to none"
                )
        unknown = self._unknown(answered)
        return Seen(audience=Audience.PUBLIC, why=unknown) if unknown else Seen(audience=Audience.OWNER)

    def _open(self, address: str | None, answered: int) -> str:
        where = f"at {address}" if address else "without an account"
        return f"everybody can read what is in bucket {self._bucket} (status {answered} {where})"

    def _unknown(self, answered: int) -> str | None:
        """Say why the server's refusal does not prove that nobody can read; None if it does."""
        if self._shown is not None:
            return None
        if self._is_website:
            return f"bucket {self._bucket} is set up as a website, which may show it to everybody"
        if answered in {400, 404}:
            return (
                f"nobody can tell whether others can read from bucket {self._bucket}: the server answers {answered} to "
                "whoever has no account, which is no refusal: another address may show the bucket to everybody, as "
                "Cloudflare's r2.dev and domains of one's own do"
            )
        return None

    def _status(self, key: str) -> int:
        """Return the status that somebody without an account gets from the server for an object."""
        with translated(f"see who can read from bucket {self._bucket}"):
            try:
                answer = self._stranger.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if status(error) in {400, 401, 403, 404}:
                    return status(error)
                if status(error) in {408, 429} or status(error) >= 500:
                    raise
                raise AudienceError(
                    f"cannot tell whether others can read from bucket {self._bucket}: without an account, the server "
                    f"answered {status(error)}"
                ) from error
            answer["Body"].close()
            return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    def _elsewhere(self, key: str) -> Iterator[tuple[str, int]]:
        """Yield other addresses of the bucket, each with the status that somebody without an account gets there."""
        for address in self._shown or ():
            yield address, anonymous.status_of(_at(address, key), f"see who can read at {address}")

    def _address(self, key: str) -> str:
        """Return where somebody without an account would find an object."""
        with translated(f"find the address of an object of bucket {self._bucket}"):
            where = {"Bucket": self._bucket, "Key": key}
            found: str = self._stranger.generate_presigned_url("get_object", Params=where)
        return found

    def _policy_is_public(self) -> bool:
        """Whether the bucket's policy lets everybody in and nothing blocks it, as far as the server tells."""
        policy = asked(self._owner.get_bucket_policy_status, self._bucket) or {}
        block = asked(self._owner.get_public_access_block, self._bucket) or {}
        blocked = block.get("PublicAccessBlockConfiguration", {}).get("RestrictPublicBuckets")
        return bool(policy.get("PolicyStatus", {}).get("IsPublic")) and not blocked

    @cached_property
    def _is_website(self) -> bool:
        """Whether the bucket is set up as a website; some servers take the question for one for objects."""
        return not _WEBSITE.isdisjoint(asked(self._owner.get_bucket_website, self._bucket) or {})


def _at(address: str, key: str) -> str:
    return f"{address}/{quote(key, safe='/')}"
