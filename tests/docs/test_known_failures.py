"""The page of what went wrong elsewhere names tests that are there."""

import re

from core.sql import REPOSITORY

PAGE = REPOSITORY / "docs/explanation/known-failures.md"
PART = re.compile(r"\]\((?P<link>[^)]+\.py)\)|`(?P<test>test_\w+)`")


def test_every_test_that_is_named_is_in_its_file() -> None:
    missing, named = [], 0
    for row in PAGE.read_text(encoding="utf-8").splitlines():
        text = ""
        for part in PART.finditer(row):
            if part["link"]:
                text = (PAGE.parent / part["link"]).read_text(encoding="utf-8")
            elif f"def {part['test']}(" in text:
                named += 1
            else:
                missing.append(part["test"])

    assert missing == []
    assert named > 40
