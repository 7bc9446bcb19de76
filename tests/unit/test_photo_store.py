"""The photo store: whole or absent, whatever happens in between; in a folder and in a bucket."""

import errno
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from models import clock
from services.photo_bucket import BucketStore
from services.photo_store import (
    FolderStore,
    StoreFull,
    StoreUnusable,
    open_store,
    original_name,
    preview_name,
)

ORIGINAL, PREVIEW = b"as it came" * 1000, b"for everyone" * 100
DIGEST = sha256(ORIGINAL).hexdigest()
WHOLE = {
    f"originals/{DIGEST[:2]}/{DIGEST}.heic": ORIGINAL,
    f"previews/{DIGEST[:2]}/{DIGEST}.jpg": PREVIEW,
}


@pytest.fixture
def folder(tmp_path):
    return FolderStore(tmp_path / "photos")


@pytest.fixture(params=["folder", "bucket"])
def store(request):
    """A store; the test runs once on each kind."""
    if request.param == "folder":
        return request.getfixturevalue("folder")
    return BucketStore(request.getfixturevalue("bucket_url"))


def contents(store):
    """What a store holds, by name."""
    if isinstance(store, FolderStore):
        return {path.relative_to(store.root).as_posix(): path.read_bytes() for path in files(store)}
    names = [meta["path"] for meta in store._store.list().collect()]
    return {name: bytes(store._store.get(name).bytes()) for name in names}


def write_alone(store, name, content):
    """One of the two files of a photo, as a process killed in between leaves it."""
    if isinstance(store, FolderStore):
        (store.root / name).parent.mkdir(parents=True)
        (store.root / name).write_bytes(content)
    else:
        store._store.put(name, content)


def files(folder):
    return sorted(path for path in folder.root.rglob("*") if path.is_file())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class TestEveryStore:
    def test_what_was_put_comes_back(self, store):
        store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
        assert store.original(DIGEST) == ORIGINAL
        assert store.preview(DIGEST) == PREVIEW
        assert contents(store) == WHOLE

    def test_what_is_deleted_is_gone_and_can_be_put_again(self, store):
        store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
        store.delete(DIGEST)
        assert contents(store) == {}
        store.delete(DIGEST)
        store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
        assert store.original(DIGEST) == ORIGINAL

    def test_neighbours_on_a_shelf_stay(self, store):
        before, after = DIGEST[:2] + "0" * 62, DIGEST[:2] + "f" * 62
        for digest in (before, DIGEST, after):
            store.put(digest, digest.encode(), PREVIEW, ".jpg")
        assert store.original(DIGEST) == DIGEST.encode()
        store.delete(DIGEST)
        for digest in (before, after):
            assert store.original(digest) == digest.encode()
            assert store.preview(digest) == PREVIEW
        with pytest.raises(KeyError):
            store.original(DIGEST)

    def test_a_photo_put_twice_is_one(self, store):
        store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
        store.put(DIGEST, ORIGINAL, b"another preview", ".heic")
        assert contents(store) == WHOLE

    def test_an_unknown_photo_is_a_key_error(self, store):
        for _ in ("where nothing is", "beside others"):
            with pytest.raises(KeyError):
                store.original(DIGEST)
            with pytest.raises(KeyError):
                store.preview(DIGEST)
            store.put(DIGEST[:2] + "0" * 62, b"another", PREVIEW, ".jpg")

    def test_a_preview_without_its_original_is_completed(self, store):
        write_alone(store, preview_name(DIGEST), PREVIEW)
        with pytest.raises(KeyError):
            store.original(DIGEST)
        store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
        assert contents(store) == WHOLE

    def test_what_is_left_of_a_photo_is_deleted(self, store):
        write_alone(store, preview_name(DIGEST), PREVIEW)
        store.delete(DIGEST)
        assert contents(store) == {}

    def test_whatever_its_suffix_an_original_is_found_and_deleted(self, store):
        write_alone(store, original_name(DIGEST, ".jpeg"), ORIGINAL)
        assert store.original(DIGEST) == ORIGINAL
        store.delete(DIGEST)
        assert contents(store) == {}

    @pytest.mark.parametrize(
        "name", ["", "../../etc/passwd", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"]
    )
    def test_no_name_leads_out_of_the_store(self, store, name):
        for call in (store.original, store.preview, store.delete):
            with pytest.raises(ValueError, match="SHA-256"):
                call(name)
        with pytest.raises(ValueError, match="SHA-256"):
            store.put(name, ORIGINAL, PREVIEW, ".jpg")
        with pytest.raises(ValueError, match="suffix"):
            store.put(DIGEST, ORIGINAL, PREVIEW, f"./{name}")
        assert contents(store) == {}

    def test_many_at_once_put_the_same_photo(self, store):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: store.put(DIGEST, ORIGINAL, PREVIEW, ".heic"), range(32)))
        assert contents(store) == WHOLE

    def test_a_probe_leaves_nothing_behind(self, store):
        store.probe()
        store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
        store.probe()
        assert contents(store) == WHOLE

    def test_a_sweep_leaves_photos_alone(self, store):
        store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
        with clock.stopped(clock.now() + timedelta(days=400)):
            assert store.sweep() == 0
        assert contents(store) == WHOLE


class TestFolder:
    def test_originals_are_for_one_user_alone(self, folder):
        before = os.umask(0)
        try:
            folder.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
        finally:
            os.umask(before)
        original, preview = files(folder)
        assert mode(original) == 0o600
        assert mode(original.parent) == mode(original.parent.parent) == 0o700
        assert mode(preview) == 0o640
        assert mode(preview.parent) == mode(preview.parent.parent) == 0o750

    def test_a_photo_put_twice_is_written_once(self, folder):
        folder.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
        written = [path.stat().st_mtime_ns for path in files(folder)]
        folder.put(DIGEST, ORIGINAL, b"another preview", ".jpeg")
        assert [path.stat().st_mtime_ns for path in files(folder)] == written

    @pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT])
    @pytest.mark.parametrize("call", ["fsync", "fdopen", "fchmod"])
    def test_a_full_disk_leaves_nothing_behind(self, folder, monkeypatch, fault, call):
        with monkeypatch.context() as patch:
            fail(patch, call, fault)
            with pytest.raises(StoreFull):
                folder.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
        assert files(folder) == []
        folder.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
        assert folder.original(DIGEST) == ORIGINAL

    def test_a_probe_tells_of_a_full_disk(self, folder, monkeypatch):
        with monkeypatch.context() as patch:
            fail(patch, "fsync", errno.ENOSPC)
            with pytest.raises(StoreFull):
                folder.probe()
        assert files(folder) == []

    def test_a_probe_makes_no_folder(self, folder):
        folder.probe()
        assert not folder.root.exists()

    def test_other_faults_of_the_disk_are_not_called_full(self, folder):
        folder.root.write_text("a file where the folder should be")
        with pytest.raises(FileExistsError):
            folder.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
        with pytest.raises(NotADirectoryError):
            folder.probe()

    def test_killed_anywhere_a_photo_is_whole_or_absent(self, tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, tmp_path, DIGEST],
            cwd=Path(__file__).parents[2],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        *died, last = map(int, done.stdout.split())
        assert len(died) >= 8
        assert (set(died), last) == ({9}, 0)
        for step, ended in enumerate([*died, last], start=1):
            folder = FolderStore(tmp_path / str(step))
            for read, whole in ((folder.original, ORIGINAL), (folder.preview, PREVIEW)):
                try:
                    assert read(DIGEST) == whole
                except KeyError:
                    assert ended == 9
            with clock.stopped(clock.now() + timedelta(days=2)):
                folder.sweep()
            assert all(path.suffix == ".jpg" for path in files(folder))
            folder.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
            assert (folder.original(DIGEST), folder.preview(DIGEST)) == (ORIGINAL, PREVIEW)

    def test_sweep_removes_what_was_left_a_day_ago(self, folder):
        assert folder.sweep() == 0
        folder.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
        stray = folder.root / "originals" / DIGEST[:2] / "tmpx.part"
        stray.write_bytes(b"half")
        # It may be what another process writes at this moment.
        assert folder.sweep() == 0
        assert stray.exists()
        with clock.stopped(clock.now() + timedelta(hours=25)):
            assert folder.sweep() == 1
        assert len(files(folder)) == 2


def fail(patch, call, fault):
    """Let a call that reaches the disk fail for files."""
    genuine = getattr(os, call)

    def full(first, *rest):
        # Folders are opened read-only and flushed too; the disk is full for files.
        if call != "fsync" or not stat.S_ISDIR(os.fstat(first).st_mode):
            if call == "fdopen":
                os.close(first)
            raise OSError(fault, os.strerror(fault))
        return genuine(first, *rest)

    patch.setattr(os, call, full)


# Puts a photo again and again, each time into a folder of its own, in a process that ends as by
# kill -9 at the first, second, … call that reaches the disk, until one lives; tells how each ended.
KILLED = """
import os, sys
from pathlib import Path
from services.photo_store import FolderStore
left = 0
def deadly(genuine):
    def call(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        return genuine(*args, **kwargs)
    return call
for step in range(1, 40):
    root = Path(sys.argv[1], str(step))
    root.mkdir()
    child = os.fork()
    if child == 0:
        left = step
        for name in ("fsync", "fchmod", "fdopen", "replace", "mkdir"):
            setattr(os, name, deadly(getattr(os, name)))
        FolderStore(root).put(sys.argv[2], b"as it came" * 1000, b"for everyone" * 100, ".jpg")
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(ended)
    if ended == 0:
        break
"""


class TestOpening:
    def test_without_a_url_it_is_the_default_folder(self, tmp_path):
        assert open_store(None, tmp_path / "photos").root == tmp_path / "photos"

    def test_a_folder_by_url(self, tmp_path):
        store = open_store("file:///srv/street%20sentinel/photos", tmp_path)
        assert store.root == Path("/srv/street sentinel/photos")

    def test_a_bucket_by_url(self, bucket_url, tmp_path):
        store = open_store(bucket_url, tmp_path)
        store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
        assert contents(store) == WHOLE

    @pytest.mark.parametrize(
        "url", ["http://bucket/photos", "file://host/photos", "file:///", "photos", "s3:/photos"]
    )
    def test_anything_else_is_refused(self, url, tmp_path):
        with pytest.raises(StoreUnusable, match=r"^photos\.url: expected file:///… or s3://"):
            open_store(url, tmp_path)

    def test_a_bucket_without_its_package_says_what_to_install(self, monkeypatch, tmp_path):
        # As if nobody had imported either, and the package were not to be found.
        monkeypatch.delitem(sys.modules, "services.photo_bucket")
        for name in [name for name in sys.modules if name.split(".")[0] == "obstore"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "path", [])
        with pytest.raises(StoreUnusable, match=r"obstore; install street-sentinel\[s3\]$"):
            open_store("s3://photos", tmp_path)
