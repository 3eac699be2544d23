"""Every text of a page speaks every language."""

from pathlib import Path

import pytest
from allauth import __file__ as allauth_file
from babel.messages.pofile import read_po
from django.contrib.staticfiles import finders
from django.test import Client

from accounts.models import Organization
from config import messages
from tests.databases import Database
from tests.pages.conftest import make_person, open_browser


def test_no_text_lacks_a_translation() -> None:
    assert messages.list_missing(messages.update()) == []


def test_what_django_reads_is_what_is_translated() -> None:
    kept = messages.read_catalogue()

    assert messages.CATALOGUE.with_suffix(".mo").read_bytes() == messages.compile_catalogue(kept)
    assert {message.id for message in messages.update()} == {message.id for message in kept}


def test_placeholders_survive_translation() -> None:
    for message in messages.read_catalogue():
        if message.id and message.python_format:
            assert not list(message.check(messages.read_catalogue())), message.id


def test_texts_of_allauth_are_translated_too() -> None:
    path = Path(allauth_file).parent / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    with path.open("rb") as file:
        catalogue = read_po(file)

    assert messages.list_missing(catalogue) == []


@pytest.mark.parametrize(("asked", "lang"), [("zh-CN,zh;q=0.9", "zh-Hans"), ("fr", "en"), ("", "en")])
def test_speaks_what_the_browser_asks_for(db: Database, asked: str, lang: str) -> None:
    answer = open_browser().get("/", headers={"accept-language": asked})

    assert f'<html lang="{lang}">' in answer.content.decode()


def test_the_switch_is_kept_for_the_person(db: Database, lab: Organization) -> None:
    user = make_person("owner@lab.example", organization=lab)
    open_browser(user).post("/language", {"language": "zh-hans", "next": "/"})

    other = open_browser(user).get("/account/preferences/", headers={"accept-language": "en"})

    assert "偏好设置" in other.content.decode()


@pytest.mark.parametrize("goal", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_switch_leads_nowhere_else(db: Database, goal: str) -> None:
    assert open_browser().post("/language", {"language": "en", "next": goal})["location"] == "/"


def test_programs_are_always_answered_in_english(db: Database) -> None:
    answer = Client(SERVER_NAME="localhost").get("/api/keys", headers={"accept-language": "zh-CN"})

    assert answer.json()["detail"].isascii()


@pytest.mark.parametrize(
    "path",
    [
        "django_htmx/htmx-2.min.js",
        "unfold/js/chart/chart.js",
        "unfold/fonts/inter/Inter-Regular.woff2",
        "mfa/js/webauthn.js",
    ],
)
def test_what_pages_take_from_packages_is_there(path: str) -> None:
    assert finders.find(path)
