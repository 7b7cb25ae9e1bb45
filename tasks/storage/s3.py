"""The store in an S3 bucket; :mod:`tasks.storage.store` imports it when an S3 address is set."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
)
from typing_extensions import override

from evenhand.errors import StorageError
from tasks.storage.folder import Store, StoredObject, check_key, check_prefix, write_atomically

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CREDENTIALS = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN or AWS_PROFILE."
_WRONG_KEY = "the access key or its secret is wrong or has expired. " + _CREDENTIALS
_NO_BUCKET = "there is no such bucket. Check the name in EVENHAND_STORE, or make the bucket (infra/terraform)."
_DENIED = (
    "these credentials may not do this. The store needs s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject."
)
_ABSENT = ("NoSuchKey", "404")
_TAKEN = ("PreconditionFailed", "412")
_REASONS = {
    "NoSuchBucket": _NO_BUCKET,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AccountProblem": _DENIED,
    "SignatureDoesNotMatch": _WRONG_KEY,
    "InvalidAccessKeyId": _WRONG_KEY,
    "InvalidToken": _WRONG_KEY,
    "ExpiredToken": _WRONG_KEY,
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it.",
    "PermanentRedirect": "the bucket is in another region. Check AWS_DEFAULT_REGION.",
    "AuthorizationHeaderMalformed": "the bucket is in another region. Check AWS_DEFAULT_REGION.",
    "NotImplemented": "the endpoint does not support conditional writes. Check EVENHAND_S3_ENDPOINT.",
    "EntityTooLarge": "the object is larger than one S3 upload may be (5 GB).",
}


class _Stat(NamedTuple):
    etag: str
    size: int


def s3_store(uri: str, endpoint: str | None, cache: Path) -> S3Store:
    """Check the address and the endpoint; nothing is contacted yet."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/")
    if not _BUCKET.fullmatch(bucket):
        raise StorageError(f"the store {uri!r} names no valid bucket: EVENHAND_STORE is a folder or s3://bucket/prefix")
    check_prefix(prefix)
    parts = urlsplit(endpoint or "https://s3")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise StorageError(
            "EVENHAND_S3_ENDPOINT is not a plain http(s)://host:port address; credentials come from the AWS_* settings"
        )
    return S3Store(bucket, prefix, endpoint or None, cache)


@dataclass(frozen=True)
class S3Store(Store):
    """Objects in a bucket, under a prefix that may be empty; downloads are kept in ``cache``."""

    bucket: str
    prefix: str
    endpoint: str | None
    cache: Path
    profile: str | None = None
    """AWS profile with the credentials; None takes those of the environment."""

    @cached_property
    def _client(self) -> Any:
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path" if self.endpoint else "auto"},
        )
        return boto3.Session(profile_name=self.profile).client("s3", endpoint_url=self.endpoint, config=config)

    @override
    def put(self, local: Path, key: str, overwrite: bool = False) -> None:
        try:
            with local.open("rb") as body:
                self._upload(body, key, overwrite)
        except OSError as error:
            raise StorageError(f"{local} can't be stored as {self.uri(key)}: {error.strerror or error}") from None

    @override
    def put_bytes(self, data: bytes, key: str, overwrite: bool = False) -> None:
        self._upload(io.BytesIO(data), key, overwrite)

    @override
    def local(self, key: str) -> Path:
        found = self._stat(key)
        if found is None:
            raise StorageError(f"the store has no {self.uri(key)} (the store is set by EVENHAND_STORE)")
        name = "\n".join((self.endpoint or "", self.bucket, self._full(key), found.etag))
        path = self.cache / hashlib.sha256(name.encode()).hexdigest()[:32] / key.rpartition("/")[2]
        if not (path.is_file() and path.stat().st_size == found.size):
            self._download(key, found, path)
        return path

    @override
    def read_bytes(self, key: str) -> bytes | None:
        full = self._full(check_key(key))
        with self._explained("can't read", key):
            try:
                return bytes(self._client.get_object(Bucket=self.bucket, Key=full)["Body"].read())
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _ABSENT:
                    return None
                raise

    @override
    def exists(self, key: str) -> bool:
        return self._stat(key) is not None

    @override
    def list(self, prefix: str) -> list[str]:
        return sorted(found.key for found in self.objects(prefix))

    @override
    def objects(self, prefix: str) -> Sequence[StoredObject]:
        check_prefix(prefix)
        skip = len(self._full(""))
        with self._explained("can't list", prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._full(prefix)
            )
            items = [item for page in pages for item in page.get("Contents", [])]
        return [StoredObject(one["Key"][skip:], one["Size"], one["LastModified"].timestamp()) for one in items]

    @override
    def delete(self, key: str) -> None:
        check_key(key)
        with self._explained("can't delete", key):
            self._client.delete_object(Bucket=self.bucket, Key=self._full(key))

    @override
    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{self._full(check_key(key))}"

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _stat(self, key: str) -> _Stat | None:
        """List one key: HEAD does not tell a missing bucket from a missing key, or a wrong secret from a denial."""
        full = self._full(check_key(key))
        with self._explained("can't look for", key):
            page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=full, MaxKeys=1)
        matches = [item for item in page.get("Contents", []) if item["Key"] == full]
        return _Stat(matches[0]["ETag"], matches[0]["Size"]) if matches else None

    def _download(self, key: str, expected: _Stat, path: Path) -> None:
        with self._explained("can't read", key):
            answer = self._client.get_object(Bucket=self.bucket, Key=self._full(key), IfMatch=expected.etag)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(answer["Body"], path, overwrite=True)
            except OSError as error:
                raise StorageError(f"{self.uri(key)} can't be kept in {path}: {error.strerror or error}") from None
        if path.stat().st_size != expected.size:
            path.unlink(missing_ok=True)
            raise StorageError(f"{self.uri(key)} was downloaded incompletely: try again")

    def _upload(self, body: BinaryIO, key: str, overwrite: bool) -> None:
        check_key(key)
        if not overwrite and self.exists(key):
            return
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        wanted = {"Bucket": self.bucket, "Key": self._full(key), "ContentType": kind}
        if not overwrite:
            wanted["IfNoneMatch"] = "*"
        with self._explained("can't write", key):
            for last in (False, False, True):
                body.seek(0)
                try:
                    self._client.put_object(Body=body, **wanted)
                    return
                except ClientError as error:
                    code = error.response.get("Error", {}).get("Code")
                    if code in _TAKEN:
                        return
                    if last or code != "ConditionalRequestConflict":  # another writer of this key was still active
                        raise

    @contextmanager
    def _explained(self, what: str, key: str) -> Iterator[None]:
        """Turn an error of S3 into one paragraph; the original is dropped, as it may quote the request."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            where = f"{what} s3://{self.bucket}/{self._full(key)} at {self.endpoint or 'AWS'}"
            raise StorageError(f"{where}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        found = error.response.get("Error", {})
        code = found.get("Code", "unknown")
        return _REASONS.get(code) or f"it answered {code}: {found.get('Message', 'no message')}"
    if isinstance(error, (NoCredentialsError, PartialCredentialsError, ProfileNotFound)):
        return f"no usable credentials were found ({error}). {_CREDENTIALS}"
    if isinstance(error, (SSLError, ProxyConnectionError)):
        return f"{error}. Look at EVENHAND_S3_ENDPOINT, AWS_CA_BUNDLE and HTTPS_PROXY."
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return "the endpoint does not answer. Is the server up? Look at EVENHAND_S3_ENDPOINT (empty means AWS)."
    return f"{type(error).__name__}: {error}"
