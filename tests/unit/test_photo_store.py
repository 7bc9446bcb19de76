"""The photo store: whole or absent, whatever happens in between."""

import errno
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from services.photo_store import PhotoStore, StoreFull

ORIGINAL, PREVIEW = b"as it came" * 1000, b"for everyone" * 100
DIGEST = sha256(ORIGINAL).hexdigest()


@pytest.fixture
def store(tmp_path):
    return PhotoStore(tmp_path / "photos")


def files(store):
    return sorted(path for path in store.root.rglob("*") if path.is_file())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_deleted_is_gone_and_can_be_put_again(store):
    store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
    store.delete(DIGEST)
    assert files(store) == []
    store.delete(DIGEST)
    store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
    assert store.original(DIGEST) == ORIGINAL


def test_only_a_digest_can_be_deleted(store):
    with pytest.raises(ValueError, match="not a SHA-256"):
        store.delete("../../etc")


def test_what_was_put_comes_back(store):
    store.put(DIGEST, ORIGINAL, PREVIEW, ".heic")
    assert store.original(DIGEST) == ORIGINAL
    assert store.preview(DIGEST) == PREVIEW
    assert files(store) == [
        store.root / "originals" / DIGEST[:2] / f"{DIGEST}.heic",
        store.root / "previews" / DIGEST[:2] / f"{DIGEST}.jpg",
    ]


def test_originals_are_for_one_user_alone(store):
    before = os.umask(0)
    try:
        store.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
    finally:
        os.umask(before)
    original, preview = files(store)
    assert mode(original) == 0o600
    assert mode(original.parent) == mode(original.parent.parent) == 0o700
    assert mode(preview) == 0o640
    assert mode(preview.parent) == mode(preview.parent.parent) == 0o750


def test_a_photo_put_twice_is_one_file(store):
    store.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
    written = [path.stat().st_mtime_ns for path in files(store)]
    store.put(DIGEST, ORIGINAL, b"another preview", ".jpeg")
    assert [path.stat().st_mtime_ns for path in files(store)] == written
    assert store.preview(DIGEST) == PREVIEW


def test_an_unknown_photo_is_a_key_error(store):
    with pytest.raises(KeyError):
        store.original(DIGEST)
    with pytest.raises(KeyError):
        store.preview(DIGEST)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"])
def test_no_name_leads_out_of_the_folder(store, name):
    for call in (store.original, store.preview):
        with pytest.raises(ValueError, match="SHA-256"):
            call(name)
    with pytest.raises(ValueError, match="SHA-256"):
        store.put(name, ORIGINAL, PREVIEW, ".jpg")
    with pytest.raises(ValueError, match="suffix"):
        store.put(DIGEST, ORIGINAL, PREVIEW, f"./{name}")
    assert not store.root.exists()


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "fdopen", "fchmod"])
def test_a_full_disk_leaves_nothing_behind(store, monkeypatch, fault, call):
    genuine = getattr(os, call)

    def full(first, *rest):
        # Folders are opened read-only and flushed too; the disk is full for files.
        if call != "fsync" or not stat.S_ISDIR(os.fstat(first).st_mode):
            if call == "fdopen":
                os.close(first)
            raise OSError(fault, os.strerror(fault))
        return genuine(first, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(StoreFull):
            store.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
    assert files(store) == []
    store.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
    assert store.original(DIGEST) == ORIGINAL


def test_other_faults_of_the_disk_are_not_called_full(store):
    store.root.parent.mkdir(exist_ok=True)
    store.root.write_text("a file where the folder should be")
    with pytest.raises(FileExistsError):
        store.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")


# Ends the process, as kill -9 would, at the n-th of the calls that reach the disk.
KILLED = """
import os, sys
from pathlib import Path
from services.photo_store import PhotoStore
left = int(sys.argv[2])
def deadly(genuine):
    def call(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        return genuine(*args, **kwargs)
    return call
for name in ("fsync", "fchmod", "fdopen", "replace", "mkdir"):
    setattr(os, name, deadly(getattr(os, name)))
PhotoStore(Path(sys.argv[1])).put(sys.argv[3], b"as it came" * 1000, b"for everyone" * 100, ".jpg")
"""


def test_killed_anywhere_a_photo_is_whole_or_absent(tmp_path):
    project = Path(__file__).parents[2]
    died = 0
    for step in range(1, 40):
        store = PhotoStore(tmp_path / str(step))
        store.root.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", KILLED, store.root, str(step), DIGEST],
            cwd=project,
            check=False,
        )
        for read, whole in ((store.original, ORIGINAL), (store.preview, PREVIEW)):
            try:
                assert read(DIGEST) == whole
            except KeyError:
                assert done.returncode == 9
        store.sweep()
        assert all(path.suffix == ".jpg" for path in files(store))
        store.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
        assert (store.original(DIGEST), store.preview(DIGEST)) == (ORIGINAL, PREVIEW)
        if done.returncode == 0:
            break
        died += 1
    assert died >= 8
    assert done.returncode == 0


def test_sweep_removes_strays_only(store):
    assert store.sweep() == 0
    store.put(DIGEST, ORIGINAL, PREVIEW, ".jpg")
    stray = store.root / "originals" / DIGEST[:2] / "tmpx.part"
    stray.write_bytes(b"half")
    assert store.sweep() == 1
    assert len(files(store)) == 2


def test_many_at_once_put_the_same_photo(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.put(DIGEST, ORIGINAL, PREVIEW, ".jpg"), range(32)))
    assert len(files(store)) == 2
    assert store.original(DIGEST) == ORIGINAL
