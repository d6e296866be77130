"""What the errors of an S3 client mean for an upload."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    SSLError,
)
from botocore.exceptions import ConnectionError as NetworkError

from cloak.errors import CloakError, CredentialsError, TransferError, TransientError, UploadError
from cloak.upload.destinations.http import no_connection, seconds, tls_failed

UNSUPPORTED = frozenset(
    {
        "InvalidArgument",
        "InvalidRequest",
        "MalformedXML",
        "MethodNotAllowed",
        "NotImplemented",
        "XNotImplemented",
        "400",
        "405",
        "501",
    }
)
"""Codes of servers that lack a call, or a header; a number is the status of an answer without a body."""

DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "Forbidden", "403"})
"""Codes of servers that do not let us make a call."""

_REFUSED = DENIED | {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "401",
}
_FULL = frozenset({"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "507"})
_BUSY = frozenset({"OperationAborted", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException"})
_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired"})
_NO_CREDENTIALS = frozenset(
    {
        "ConfigParseError",
        "CredentialRetrievalError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
    }
)


def code(error: ClientError) -> str:
    """Return the server's name of what is wrong; the status where it has none, as in answers without a body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status(error: ClientError) -> int:
    """Return the HTTP status of an error."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def lacking(error: ClientError) -> bool:
    """Whether a server has no such call, or does not let us make it."""
    unknown = status(error) in {404, 405, 501} and code(error) != "NoSuchBucket"
    return unknown or code(error) in UNSUPPORTED | DENIED


def asked(call: Callable[..., dict[str, Any]], bucket: str, **parameters: str) -> dict[str, Any] | None:
    """Make a call about a bucket's settings that not every server has or allows.

    Returns:
        the answer; {} if there is nothing to say, None if the server does not say.
    """
    with translated(f"look at the settings of bucket {bucket}"):
        try:
            return call(Bucket=bucket, **parameters)
        except ClientError as error:
            if code(error) == "NoSuchBucket":
                raise
            if code(error) in UNSUPPORTED | DENIED or status(error) in {400, 405, 501}:
                return None
            if status(error) == 404:
                return {}
            raise


@contextmanager
def translated(doing: str, sent: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Turn what the client raises into errors of ours.

    Args:
        doing: what for, in people's words: "upload to bucket photos".
        sent: says whether some of a photo has left.
    """
    try:
        yield
    except ClientError as error:
        raise _answer(error, doing) from error
    except SSLError as error:
        raise tls_failed(f"cannot {doing}", str(error), sent=sent()) from error
    except (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError) as error:
        raise no_connection(f"cannot {doing}", type(error).__name__) from error
    except (NetworkError, HTTPClientError) as error:
        raise TransientError(f"cannot {doing}: the connection failed ({type(error).__name__})") from error
    except BotoCoreError as error:
        if type(error).__name__ in _NO_CREDENTIALS:
            raise CredentialsError(
                f"cannot {doing}: {error}: run `cloak upload setup`, or check what the AWS tools use, such as ~/.aws"
            ) from error
        raise TransferError(f"cannot {doing}: {error}") from error


def _answer(error: ClientError, doing: str) -> CloakError:
    found, http = code(error), status(error)
    said = f"cannot {doing}: the server answered {http} {found}"
    if found in _SKEWED:
        return UploadError(f"{said}: the clock of this computer and the server's differ too much: set the clock")
    if found in _FULL or http == 507:
        return UploadError(f"{said}: it is full: delete something there")
    if found in _BUSY or http in {408, 429} or (http >= 500 and http != 501):
        return TransientError(said, after=_after(error))
    if found in _REFUSED or http in {401, 403}:
        return CredentialsError(f"{said}: check the access key and what it may do")
    if found == "NoSuchBucket":
        return UploadError(f"{said}: there is no such bucket: check its name and the endpoint")
    return TransferError(said)


def _after(error: ClientError) -> float | None:
    """Seconds to wait, where the server says so."""
    return seconds(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after"))
