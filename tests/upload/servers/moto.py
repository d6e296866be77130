"""moto: an S3 with versions, object lock and policies, which refuses whoever has no account; it ends no links.

With `judge_keys` it looks up access keys and checks signatures, but then has no answer for requests without any (it
answers 500 where a policy or a link would let them in), so each test says which of the two it needs.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from .programs import free_port, program, started


class Moto:
    def __init__(self, address: str) -> None:
        self.address = address
        self.judge_keys(judge=False)
        iam = self._client("iam")
        iam.create_user(UserName="cloak")
        allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        iam.put_user_policy(UserName="cloak", PolicyName="all", PolicyDocument=json.dumps(allowed))
        key = iam.create_access_key(UserName="cloak")["AccessKey"]
        self.key, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        self.client = self._client("s3", key=self.key, secret=self.secret)

    def _client(self, service: str, *, key: str = "root", secret: str = "") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret or key,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def judge_keys(self, *, judge: bool) -> None:
        httpx.post(f"{self.address}/moto-api/reset-auth", content="0" if judge else "inf").raise_for_status()

    def bucket(self, name: str, **options: Any) -> str:
        self.client.create_bucket(Bucket=name, **options)
        return name

    def open_to_all(self, bucket: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


@contextmanager
def running(folder: Path) -> Iterator[Moto]:
    port = free_port()
    command = [program("python/bin/moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with started(command, port, folder / "moto.log") as address:
        yield Moto(address)
