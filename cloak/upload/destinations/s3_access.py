"""How a bucket is reached: with keys, and as somebody without an account would."""

import os
from dataclasses import dataclass, field

import boto3
from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config

from cloak.errors import ConfigError
from cloak.upload.destinations.http import at_home, base
from cloak.upload.destinations.s3_errors import translated


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a bucket.

    Attributes:
        endpoint: address of the server; None for Amazon's.
        region: where the bucket is; None for what the AWS tools are set to.
        profile: of the AWS tools; None for the default.
        keys: access key and secret key; None to leave it to the AWS tools.
        addressing: "auto", "path" or "virtual".
        shown: addresses beside the server's that may show the bucket to everybody; None if nobody said which.
    """

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    keys: tuple[str, str] | None = field(default=None, repr=False)
    addressing: str = "auto"
    shown: tuple[str, ...] | None = None


def connect(name: str, access: Access) -> tuple[BaseClient, BaseClient]:
    """Return clients for a bucket: ours, and one that signs nothing.

    Raises:
        ConfigError: the address is none, or would take photos unencrypted.
        CredentialsError: there are no keys.
    """
    with translated(f"use bucket {name}"):
        session = boto3.Session(*(access.keys or (None, None)), region_name=access.region, profile_name=access.profile)
        try:
            return _client(session, access, "s3v4"), _client(session, access, UNSIGNED)
        except ValueError as error:
            raise ConfigError(f"the address {access.endpoint!r} is none that S3 can be at: {error}") from error


def _client(session: boto3.Session, access: Access, signature_version: object) -> BaseClient:
    config = Config(
        signature_version=signature_version,
        s3={"addressing_style": access.addressing},
        connect_timeout=10,
        read_timeout=60,
        retries={"total_max_attempts": 1},  # whoever uploads tries again
        request_checksum_calculation="when_required",  # others than Amazon do not know the newer kinds
        response_checksum_validation="when_required",
    )
    authority = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")  # the other, as httpx does
    made = session.client("s3", endpoint_url=access.endpoint, config=config, verify=authority)
    if not at_home(base(made.meta.endpoint_url)):  # the AWS tools may have an endpoint of their own
        return made
    made.close()
    config = config.merge(Config(proxies={}))
    return session.client("s3", endpoint_url=access.endpoint, config=config, verify=authority)
