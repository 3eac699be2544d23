"""The cast of tests about work."""

from pathlib import Path

import pytest

from tests.market import lab_wallet, small, stand  # noqa: F401
from workers.blobs import FolderStore

BLOB_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Where deferred texts are kept."""
    return FolderStore(tmp_path / "blobs", keys=[BLOB_KEY])
