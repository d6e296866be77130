"""Presigned links: an address of an object that opens it, without an account, until a time that is part of it."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

from botocore.client import BaseClient

from cloak.errors import AudienceError, UploadError
from cloak.upload.destinations import anonymous

LONGEST = timedelta(days=7)
"""The most that signature version 4 allows."""

MOST_SKEW = timedelta(seconds=30)
"""By how much the clocks may differ: the link's end is in the server's time, its beginning in ours."""


def presign(client: BaseClient, bucket: str, key: str, until: datetime | None) -> tuple[str, datetime]:
    """Make a link to an object.

    Args:
        client: of boto3.
        bucket: where the object is.
        key: which it is.
        until: when it is to end; the link ends after `LONGEST` if that is sooner.

    Returns:
        the link, and when it ends as the link itself says.

    Raises:
        UploadError: that is past.
    """
    longest = int(LONGEST.total_seconds())
    seconds = longest if until is None else min(longest, int((until - datetime.now(UTC)).total_seconds()))
    if seconds < 1:
        raise UploadError(f"a link until {until:%Y-%m-%d %H:%M} would have ended already: say a later time")
    link: str = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds)
    return link, ends(link)


def ends(link: str) -> datetime:
    """Return when a presigned link ends: what the server goes by."""
    query = parse_qs(urlsplit(link).query)
    began = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return began + timedelta(seconds=int(query["X-Amz-Expires"][0]))


def check_clock(date: str | None) -> timedelta:
    """Refuse links while the clocks differ.

    Args:
        date: the header of an answer of the server.

    Returns:
        by how much the server's clock is behind ours.

    Raises:
        UploadError: by more than `MOST_SKEW`, or the server does not say.
    """
    if date is None:
        raise UploadError("the server does not tell the time, so nobody knows when a link would end: leave out --link")
    behind = datetime.now(UTC) - parsedate_to_datetime(date)
    if abs(behind) > MOST_SKEW:
        raise UploadError(
            f"the clock of this computer and the server's are {abs(behind).total_seconds():.0f} s apart, so that the "
            "link would not end when it should: set the clock"
        )
    return behind


def check_ends(client: BaseClient, bucket: str, key: str, behind: timedelta) -> None:
    """See that the server refuses a link that has ended, by waiting for the end of one of a second.

    Args:
        client: of boto3.
        bucket: where the object is.
        key: which it is.
        behind: by how much the server's clock is behind ours.

    Raises:
        AudienceError: it does not.
        TransientError: it gave no clear answer.
    """
    link, end = presign(client, bucket, key, datetime.now(UTC) + timedelta(seconds=1.5))
    left = end + max(behind, timedelta()) + timedelta(seconds=2) - datetime.now(UTC)
    time.sleep(max(0.0, left.total_seconds()))
    status = anonymous.status_of(link, "see whether links end")
    if status < 400:
        raise AudienceError(
            f"the server still opens a link that has ended (status {status}): links would be for ever; leave out --link"
        )
