"""Photos in an S3-compatible bucket: the one module that knows obstore."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256 as digest_of
from secrets import token_bytes
from urllib.parse import urlsplit

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from services.photo_store import (
    ORIGINALS,
    StoreAway,
    StoreFull,
    StoreUnusable,
    original_name,
    preview_name,
    shelf,
)

_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)/?")

# An errand is somebody else's after two minutes, and comes again with growing waits: short tries,
# few of them. 20 MB, the largest original, take 16 s at 10 Mbit/s.
_CONNECT_TIMEOUT = timedelta(seconds=3)
_TIMEOUT = timedelta(seconds=20)
_TRIES_MORE = 2
_LAST_TRY_AFTER = timedelta(seconds=10)

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_ENDPOINT = re.compile(
    r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?"
)
# What becomes a part of an address or a header.
_PLAIN = (
    *_ENDPOINTS,
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_TOKEN",
)

_CODE = re.compile(r"<Code>([A-Za-z0-9]+)</Code>")
_STATUS = re.compile(r"non-2xx status code: ([0-9]{3})")
# MinIO's disk and MinIO's and Ceph's quotas.
_FULL = ("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded")
_ASKING_WHO_WE_ARE = "/latest/api/token"


class BucketStore:
    """Photos in a bucket of Amazon S3, or of what speaks its language: MinIO, Ceph, OSS, COS, R2.

    Where it is and who we are comes from the environment, as for every program that uses S3:
    `AWS_ENDPOINT_URL` (Amazon's own without it), `AWS_REGION`, `AWS_ACCESS_KEY_ID` and
    `AWS_SECRET_ACCESS_KEY` (on Amazon's machines their role without them). An endpoint without TLS
    is refused unless `AWS_ALLOW_HTTP=true`. Where the bucket's name is a part of the host's, as OSS
    and COS demand, set `AWS_VIRTUAL_HOSTED_STYLE_REQUEST=true` and an endpoint with the name in it.

    We must be allowed GetObject, PutObject and DeleteObject below the prefix, and ListBucket:
    without that a bucket calls a photo that is not there forbidden.

    Originals tell where and when they were taken. Keep the bucket closed to the public and this
    bot's key to itself; if previews are to be read by others, open `prefix/previews/*` alone by a
    bucket policy, or give others a key for that prefix. No rule may let anything expire.

    An object is written by one request and is there whole or not at all, so nothing is ever half
    written and there is nothing to sweep. (Other programs' multipart uploads may leave pieces; they
    are for a lifecycle rule of the bucket.) An original is looked for under the suffix it is put
    with, which follows from its bytes: one photo is one object.
    """

    def __init__(self, url: str) -> None:
        """Use a bucket; nothing is asked of it yet.

        Args:
            url: `s3://bucket` or `s3://bucket/prefix`.

        Raises:
            StoreUnusable: the URL is no such one, or the environment cannot be right.
        """
        named = _URL.fullmatch(url)
        if named is None:
            raise StoreUnusable("photos.url: expected s3://bucket/prefix, in plain letters")
        _check_environment()
        self._bucket = named[1]
        self._store = S3Store(
            self._bucket,
            prefix=named[2].strip("/") or None,
            # Not every server that speaks S3 deletes many at once.
            disable_bulk_delete=True,
            client_options={
                "allow_http": _http_is_allowed(),
                "connect_timeout": _CONNECT_TIMEOUT,
                "timeout": _TIMEOUT,
            },
            retry_config={"max_retries": _TRIES_MORE, "retry_timeout": _LAST_TRY_AFTER},
        )

    def put(self, sha256: str, original: bytes, preview: bytes, suffix: str) -> None:
        """Keep a photo; when this returns it is in the bucket."""
        name = original_name(sha256, suffix)
        # The original last: once it is there, the photo is complete.
        self._keep(preview_name(sha256), preview, "image/jpeg")
        self._keep(name, original, "application/octet-stream")

    def original(self, sha256: str) -> bytes:
        """The file as it came."""
        names = self._originals(sha256)
        if not names:
            raise KeyError(sha256)
        return self._read(names[0], sha256)

    def preview(self, sha256: str) -> bytes:
        """The JPEG for everyone."""
        return self._read(preview_name(sha256), sha256)

    def delete(self, sha256: str) -> None:
        """Forget a photo."""
        # The original first: without it the photo counts as not there, and `put` brings it back.
        for name in (*self._originals(sha256), preview_name(sha256)):
            # Most buckets take it well, some say that there is none.
            with suppress(FileNotFoundError), self._in_words():
                self._store.delete(name)

    def sweep(self) -> int:
        """Nothing is ever half written."""
        return 0

    def probe(self) -> None:
        """Put, read and delete a tiny photo of its own."""
        content = token_bytes(16)
        digest = digest_of(content).hexdigest()
        self.put(digest, content, content, ".probe")
        self.preview(digest)
        self.original(digest)
        self.delete(digest)

    def _keep(self, name: str, content: bytes, content_type: str) -> None:
        with self._in_words():
            try:
                self._store.head(name)
            except FileNotFoundError:
                try:
                    self._store.put(
                        name,
                        content,
                        attributes={"Content-Type": content_type},
                        use_multipart=False,
                    )
                except FileNotFoundError as error:
                    # There is only one thing that can be missing when something is put.
                    raise StoreAway(self._no_bucket()) from error

    def _read(self, name: str, sha256: str) -> bytes:
        try:
            with self._in_words():
                return bytes(self._store.get(name).bytes())
        except FileNotFoundError:
            raise KeyError(sha256) from None

    def _originals(self, sha256: str) -> list[str]:
        """The names of a photo's original: by digest alone, whatever its suffix."""
        where = shelf(ORIGINALS, sha256)
        start = f"{where}/{sha256}."
        found: list[str] = []
        with self._in_words():
            for some in self._store.list(where, offset=start):
                for name in (meta["path"] for meta in some):
                    if name.startswith(start):
                        found.append(name)
                    elif name > start:
                        # They come in order: nothing of this photo follows.
                        return found
        return found

    def _no_bucket(self) -> str:
        return f"there is no bucket called {self._bucket}"

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """What obstore raises, in our words; a missing object stays a FileNotFoundError.

        Raises:
            StoreFull: there is no room left.
            StoreAway: the bucket is out of reach, not there, or refuses us.
        """
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            said = str(error)
            code = next(
                (found[1] for found in (_CODE.search(said), _STATUS.search(said)) if found), ""
            )
            if code in _FULL:
                raise StoreFull("no space left") from error
            if code == "NoSuchBucket":
                raise StoreAway(self._no_bucket()) from error
            if isinstance(error, FileNotFoundError):
                raise
            raise StoreAway(_why(error, said, code)) from error


def _why(error: BaseError, said: str, code: str) -> str:
    if _ASKING_WHO_WE_ARE in said:
        return "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return f"the bucket refuses us ({code}): check AWS_ACCESS_KEY_ID and what it may do"
    if code:
        return f"the bucket answers {code}"
    return "the bucket does not answer; check AWS_ENDPOINT_URL"


def _http_is_allowed() -> bool:
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "on", "yes", "y")


def _check_environment() -> None:
    """Refuse what would stop the library in the middle of a request.

    Raises:
        StoreUnusable: a variable has no value, or one that cannot be sent.
    """
    for name in _PLAIN:
        value = os.environ.get(name)
        if value is not None and not re.fullmatch(r"[!-~]+", value):
            raise StoreUnusable(f"{name}: empty, or with spaces or odd letters in it")
    for name in _ENDPOINTS:
        endpoint = os.environ.get(name)
        if endpoint is None:
            continue
        if not _ENDPOINT.fullmatch(endpoint) or not _is_a_port(endpoint):
            raise StoreUnusable(f"{name}: expected https://host or https://host:port")
        if endpoint.startswith("http:") and not _http_is_allowed():
            raise StoreUnusable(f"{name}: plain http; set AWS_ALLOW_HTTP=true if that is meant")


def _is_a_port(endpoint: str) -> bool:
    try:
        return urlsplit(endpoint).port != 0
    except ValueError:
        return False
