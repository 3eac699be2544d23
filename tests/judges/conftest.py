"""Judges are programs nobody here wrote. A person may lack one; CI may not."""

import os
import shutil
from collections.abc import Callable

import pytest


@pytest.fixture
def judge() -> Callable[[str], str]:
    """Find a program by name: skip the test where it is missing, but fail in CI."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None and os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing; .ci/run installs it")
        if path is None:
            pytest.skip(f"{name} is missing (apt install {name})")
        return path

    return find
