"""What entries are called: every kind that is posted has a name in both languages."""

import re

import pytest
from django.utils import translation

from billing.statements.kinds import KINDS
from billing.statements.words import find_word
from billing.templatetags.entries import kind_name
from core.sql import REPOSITORY

# tests/docs holds this page to the code: every kind that any code posts has a heading there.
PAGE = (REPOSITORY / "docs/reference/ledger-entries.md").read_text(encoding="utf-8")
POSTED = re.findall(r"^### ([A-Z_]+): ", PAGE, re.MULTILINE)


def test_every_kind_that_is_posted_has_a_name_in_both_languages() -> None:
    assert len(POSTED) > 30
    assert [kind for kind in POSTED if kind not in KINDS] == []
    assert not [names for names in KINDS.values() if not all(names)]


@pytest.mark.parametrize(("language", "name"), [("en", "Exchange of currencies"), ("zh-hans", "货币兑换")])
def test_pages_and_documents_call_a_kind_alike(language: str, name: str) -> None:
    with translation.override(language):
        assert kind_name("FX_CONVERSION") == find_word(language, "FX_CONVERSION") == name
