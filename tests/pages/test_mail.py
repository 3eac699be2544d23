"""A desk has no mail: pages that wait for a code say where it is."""

from typing import Any

import pytest
from django.conf import settings

from tests.pages.conftest import PASSWORD, make_person, open_browser

PRINTED = "writes it into its log"
NEWCOMER = {
    "name": "Ada",
    "email": "ada@example.org",
    "password1": PASSWORD,
    "organization": "Sun",
    "country": "SE",
}


@pytest.mark.parametrize(("url", "said"), [("console:", True), ("smtp://localhost:25", False)])
def test_who_signs_up_is_told_where_mail_is_printed(
    db: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch, url: str, said: bool
) -> None:
    monkeypatch.setattr(settings, "MAIL_URL", url)

    answer = open_browser().post("/account/signup/", NEWCOMER, follow=True)

    assert answer.redirect_chain[-1][0].startswith("/account/confirm-email/")
    assert (PRINTED in answer.content.decode()) == said


def test_who_forgot_the_password_is_told_too(
    db: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MAIL_URL", "console:")
    make_person("ada@example.org")

    answer = open_browser().post("/account/password/reset/", {"email": "ada@example.org"}, follow=True)

    assert PRINTED in answer.content.decode()
