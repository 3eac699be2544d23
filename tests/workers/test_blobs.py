"""Texts of deferred jobs on disk."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.cast import NOW
from workers.blobs import BlobMissing, BlobTooLarge, BlobUnreadable, FolderStore

SECRET = b"what the buyer wrote"
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store with one key."""
    return FolderStore(tmp_path, keys=[Fernet.generate_key().decode()])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_gives_back_what_was_written(store: FolderStore) -> None:
    name = store.write("job.request", SECRET, expires_at=TOMORROW)

    assert store.read(name, now=NOW) == SECRET


def test_leaves_nothing_readable_on_disk(store: FolderStore, tmp_path: Path) -> None:
    store.write("job.request", SECRET, expires_at=TOMORROW)

    (path,) = files(tmp_path)
    assert SECRET not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0


def test_forgets_at_the_moment_of_expiry(store: FolderStore) -> None:
    name = store.write("job.request", SECRET, expires_at=TOMORROW)

    store.read(name, now=TOMORROW - timedelta(seconds=1))
    with pytest.raises(BlobMissing):
        store.read(name, now=TOMORROW)


def test_sweeps_days_that_are_over(store: FolderStore, tmp_path: Path) -> None:
    store.write("old", SECRET, expires_at=NOW - timedelta(days=1))
    kept = store.write("new", SECRET, expires_at=TOMORROW)

    assert store.sweep(now=NOW) == 1
    assert [path.name for path in files(tmp_path)] == ["new"]
    assert store.read(kept, now=NOW) == SECRET
    assert store.sweep(now=NOW) == 0


def test_reads_with_an_old_key_and_writes_with_the_new_one(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    before = FolderStore(tmp_path, keys=[old]).write("a", SECRET, expires_at=TOMORROW)

    rotated = FolderStore(tmp_path, keys=[new, old])
    after = rotated.write("b", SECRET, expires_at=TOMORROW)

    assert rotated.read(before, now=NOW) == SECRET
    assert FolderStore(tmp_path, keys=[new]).read(after, now=NOW) == SECRET
    with pytest.raises(BlobUnreadable):
        FolderStore(tmp_path, keys=[new]).read(before, now=NOW)


def test_refuses_a_file_under_another_name(store: FolderStore, tmp_path: Path) -> None:
    mine = store.write("mine", SECRET, expires_at=TOMORROW)
    yours = store.write("yours", b"another text", expires_at=TOMORROW)

    (tmp_path / mine).rename(tmp_path / yours)

    with pytest.raises(BlobUnreadable):
        store.read(yours, now=NOW)


@pytest.mark.parametrize("name", ["../../etc/passwd", "2026-05-05/../x", "", "2026-05-05/absent"])
def test_finds_nothing_under_names_it_never_made(store: FolderStore, name: str) -> None:
    with pytest.raises(BlobMissing):
        store.read(name, now=NOW)


def test_refuses_what_is_too_large(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("workers.blobs.BLOB_BYTES_MAX", 3)

    with pytest.raises(BlobTooLarge):
        store.write("job", b"four", expires_at=TOMORROW)
    assert not files(tmp_path)
