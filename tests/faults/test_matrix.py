"""The table of what is broken names every test, and none that is not there."""

import re

from tests.faults.conftest import FOLDER

LINK = re.compile(r"\]\(([^)]+)\)")


def test_the_table_names_every_test_and_no_other() -> None:
    named = set(LINK.findall((FOLDER / "README.md").read_text(encoding="utf-8")))

    assert [path for path in named if not (FOLDER / path).exists()] == []
    about_all = {"test_doors.py", "test_matrix.py"}
    assert {path.name for path in FOLDER.glob("test_*.py")} - about_all <= named
