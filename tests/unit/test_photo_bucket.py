"""Photos in a bucket: what can be wrong on the way there, each in one line and never for long."""

import os
from datetime import timedelta
from hashlib import sha256

import pytest

from services import photo_bucket
from services.photo_bucket import BucketStore
from services.photo_store import StoreAway, StoreFull, StoreUnusable, preview_name
from tests.buckets import NOBODY, point_at, refusing, silent

ORIGINAL, PREVIEW = b"as it came" * 1000, b"for everyone" * 100
DIGEST = sha256(ORIGINAL).hexdigest()


def put(store):
    store.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")


# Everything that goes to the bucket.
CALLS = pytest.mark.parametrize(
    "call",
    [
        put,
        lambda store: store.original(DIGEST),
        lambda store: store.preview(DIGEST),
        lambda store: store.delete(DIGEST),
        lambda store: store.probe(),
    ],
    ids=["put", "original", "preview", "delete", "probe"],
)


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def deadly(monkeypatch):
    """Arms the library: the n-th request from then on is the last."""
    left = 0

    def counted(name):
        def call(self, *args, **kwargs):
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return getattr(super(Deadly, self), name)(*args, **kwargs)

        return call

    class Deadly(photo_bucket.S3Store):
        head, put, get, delete, list = map(counted, ("head", "put", "get", "delete", "list"))

    def arm(requests):
        nonlocal left
        left = requests

    monkeypatch.setattr(photo_bucket, "S3Store", Deadly)
    return arm


def is_there(read):
    try:
        read(DIGEST)
    except KeyError:
        return False
    return True


class TestKilled:
    def test_while_putting_a_photo_is_whole_or_counts_as_absent(self, bucket_url, deadly):
        store = BucketStore(bucket_url)
        died = 0
        for step in range(1, 10):
            deadly(step)
            try:
                put(store)
            except Killed:
                died += 1
            deadly(0)
            if is_there(store.original):
                assert store.preview(DIGEST) == PREVIEW
            put(store)
            assert (store.original(DIGEST), store.preview(DIGEST)) == (ORIGINAL, PREVIEW)
            store.delete(DIGEST)
        # Two looks and two puts.
        assert died == 4

    def test_while_deleting_it_is_whole_or_counts_as_absent(self, bucket_url, deadly):
        store = BucketStore(bucket_url)
        died = 0
        for step in range(1, 10):
            put(store)
            deadly(step)
            try:
                store.delete(DIGEST)
            except Killed:
                died += 1
            deadly(0)
            if is_there(store.original):
                assert store.preview(DIGEST) == PREVIEW
            store.delete(DIGEST)
            assert not is_there(store.preview)
        assert died == 3


class TestOutOfReach:
    @CALLS
    def test_nobody_answers(self, monkeypatch, call):
        point_at(NOBODY, monkeypatch)
        monkeypatch.setattr(photo_bucket, "_TRIES_MORE", 0)
        with pytest.raises(
            StoreAway, match=r"^the bucket does not answer; check AWS_ENDPOINT_URL$"
        ):
            call(BucketStore("s3://photos"))

    @CALLS
    def test_one_that_never_says_a_word_is_not_waited_for(self, monkeypatch, call):
        monkeypatch.setattr(photo_bucket, "_TRIES_MORE", 0)
        monkeypatch.setattr(photo_bucket, "_TIMEOUT", timedelta(milliseconds=50))
        with silent() as endpoint:
            point_at(endpoint, monkeypatch)
            with pytest.raises(StoreAway, match="does not answer"):
                call(BucketStore("s3://photos"))

    @CALLS
    def test_no_such_bucket(self, bucket_url, call):
        with pytest.raises(StoreAway, match=r"^there is no bucket called nowhere$"):
            call(BucketStore("s3://nowhere/photos"))

    @CALLS
    def test_a_key_nobody_knows(self, s3_server, bucket_url, call):
        store = BucketStore(bucket_url)
        with s3_server.closed_to_strangers(), pytest.raises(StoreAway) as refused:
            call(store)
        # A look has no body that could say why.
        assert "403" in str(refused.value) or "InvalidAccessKeyId" in str(refused.value)
        assert "kept-for-tests" not in str(refused.value)
        assert len(str(refused.value).splitlines()) == 1

    def test_no_key_at_all(self, bucket_url, monkeypatch):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", NOBODY)
        monkeypatch.setattr(photo_bucket, "_TRIES_MORE", 0)
        with pytest.raises(StoreAway, match=r"^no credentials: set AWS_ACCESS_KEY_ID and"):
            put(BucketStore(bucket_url))

    def test_a_short_trouble_is_not_noticed(self, monkeypatch):
        with refusing(503, "SlowDown", times=1) as endpoint:
            point_at(endpoint, monkeypatch)
            put(BucketStore("s3://photos"))

    def test_a_long_one_is_told_by_its_name(self, monkeypatch):
        monkeypatch.setattr(photo_bucket, "_TRIES_MORE", 0)
        with refusing(503, "SlowDown") as endpoint:
            point_at(endpoint, monkeypatch)
            with pytest.raises(StoreAway, match=r"^the bucket answers SlowDown$"):
                put(BucketStore("s3://photos"))

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (507, "XMinioStorageFull"),
            (400, "XMinioAdminBucketQuotaExceeded"),
            (403, "QuotaExceeded"),
        ],
    )
    def test_a_full_bucket(self, monkeypatch, status, code):
        monkeypatch.setattr(photo_bucket, "_TRIES_MORE", 0)
        with refusing(status, code) as endpoint:
            point_at(endpoint, monkeypatch)
            for call in (put, BucketStore.probe):
                with pytest.raises(StoreFull):
                    call(BucketStore("s3://photos"))


class TestConfigured:
    @pytest.mark.parametrize(
        "url",
        [
            "s3://",
            "s3://a",
            "s3://Photos",
            "s3://photos//twice",
            "s3://photos/../up",
            "s3://photos/a b",
            "s3://key:secret@photos",
            "s3://photos?x=1",
        ],
    )
    def test_a_url_that_is_none(self, url):
        with pytest.raises(StoreUnusable, match=r"^photos\.url: expected s3://") as refused:
            BucketStore(url)
        assert "secret" not in str(refused.value)

    @pytest.mark.parametrize("prefix", ["", "/", "/photos/", "/district/photos"])
    def test_with_a_prefix_or_without(self, s3_server, monkeypatch, prefix):
        point_at(s3_server.endpoint, monkeypatch)
        bucket = s3_server.make()
        put(BucketStore(f"s3://{bucket}{prefix}"))
        whole = BucketStore(f"s3://{bucket}")
        names = [meta["path"] for meta in whole._store.list().collect()]
        inside = f"{prefix.strip('/')}/{preview_name(DIGEST)}".lstrip("/")
        assert inside in names

    def test_where_a_listing_starts_at_the_beginning_the_right_one_is_found(
        self, bucket_url, monkeypatch
    ):
        class FromTheBeginning(photo_bucket.S3Store):
            def list(self, prefix, offset):
                return super().list(prefix)

        monkeypatch.setattr(photo_bucket, "S3Store", FromTheBeginning)
        store = BucketStore(bucket_url)
        for digest in (DIGEST[:2] + "0" * 62, DIGEST, DIGEST[:2] + "f" * 62):
            store.put(digest, digest.encode(), PREVIEW, ".jpg")
        assert store.original(DIGEST) == DIGEST.encode()
        store.delete(DIGEST)
        assert len(store._store.list("originals", None).collect()) == 2

    def test_no_request_goes_on_for_ever(self, bucket_url):
        store = BucketStore(bucket_url)._store
        assert store.client_options["timeout"] == "20s"
        assert store.client_options["connect_timeout"] == "3s"
        assert store.retry_config["max_retries"] == 2
        assert store.retry_config["retry_timeout"] == timedelta(seconds=10)

    def test_previews_say_that_they_are_pictures(self, bucket_url):
        store = BucketStore(bucket_url)
        put(store)
        found = store._store.get(preview_name(DIGEST))
        assert found.attributes["Content-Type"] == "image/jpeg"

    def test_without_tls_only_if_asked_for(self, monkeypatch):
        point_at(NOBODY, monkeypatch)
        monkeypatch.delenv("AWS_ALLOW_HTTP")
        with pytest.raises(StoreUnusable, match=r"^AWS_ENDPOINT_URL: plain http; set AWS_ALLOW"):
            BucketStore("s3://photos")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:9")
        BucketStore("s3://photos")

    @pytest.mark.parametrize(
        "endpoint",
        [
            "127.0.0.1:9000",
            "minio",
            "ftp://minio",
            "http://",
            "http:///photos",
            "http://minio:99999",
            "http://[::1",
            "https://key:secret@minio",
            "https://minio?x=1",
        ],
    )
    def test_an_endpoint_that_is_none(self, monkeypatch, endpoint):
        point_at(endpoint, monkeypatch)
        with pytest.raises(StoreUnusable, match=r"^AWS_ENDPOINT_URL: expected https://") as refused:
            BucketStore("s3://photos")
        assert "secret" not in str(refused.value)

    @pytest.mark.parametrize(
        "name", ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    )
    @pytest.mark.parametrize("value", ["", "two words", "a line\n", "海鸥"])
    def test_a_variable_that_cannot_be_right(self, monkeypatch, name, value):
        point_at(NOBODY, monkeypatch)
        monkeypatch.setenv(name, value)
        with pytest.raises(StoreUnusable, match=f"^{name}: empty, or with spaces") as refused:
            BucketStore("s3://photos")
        assert not value or value not in str(refused.value)

    def test_in_the_tests_nothing_leads_elsewhere(self, bucket_url):
        assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
