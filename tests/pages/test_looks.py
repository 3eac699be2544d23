"""Amounts, moments and errors as people read them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError
from django.test import Client, override_settings
from django.utils import timezone, translation

from core import formats
from core.money import Money
from core.sql import REPOSITORY
from core.templatetags import looks
from tests.databases import Database
from tests.pages.conftest import open_browser

ENGLISH, CHINESE = formats.find_locale("en"), formats.find_locale("zh-hans")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.999999999", "CNY", "1,234.99"),
        ("1234.9", "JPY", "1,234"),
        ("1.2", "USD", "1.20"),
        ("-0.019", "USD", "-0.01"),
        ("12345678901234567890123456789.999999999", "USD", "12,345,678,901,234,567,890,123,456,789.99"),
    ],
)
def test_an_amount_has_the_places_of_its_currency_and_is_never_rounded_up(
    amount: str, currency: str, text: str
) -> None:
    assert formats.show_amount(Decimal(amount), currency, locale=ENGLISH) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [("0.000000001", "USD", "0.000000001"), ("5", "USD", "5.00"), ("5", "JPY", "5"), ("0.5", "JPY", "0.5")],
)
def test_a_statement_shows_every_digit(amount: str, currency: str, text: str) -> None:
    assert formats.show_exactly(Decimal(amount), currency, locale=CHINESE) == text


@pytest.mark.parametrize(
    ("price", "text"), [("0.00000015", "0.15"), ("0.000000191851", "0.1919"), ("0.000000000123", "0.000123")]
)
def test_a_token_is_priced_by_the_million(price: str, text: str) -> None:
    assert formats.show_price(Decimal(price), locale=ENGLISH) == text


def test_an_amount_always_names_its_currency() -> None:
    shown = looks.money(Money(Decimal("12.345678901"), "CNY"))

    assert "CNY" in shown
    assert 'value="12.345678901"' in shown


@pytest.mark.parametrize(
    ("zone", "clock", "offset"),
    [
        ("UTC", "12:00", "UTC"),
        ("Asia/Shanghai", "20:00", "UTC+08:00"),
        ("America/St_Johns", "09:30", "UTC-02:30"),
    ],
)
def test_a_moment_is_shown_in_the_readers_zone_with_its_offset(zone: str, clock: str, offset: str) -> None:
    with timezone.override(ZoneInfo(zone)), translation.override("en"):
        shown = looks.moment(datetime(2026, 5, 4, 12, 0, tzinfo=UTC))

    assert clock in shown
    assert f">{offset}<" in shown
    assert 'datetime="2026-05-04T12:00:00+00:00"' in shown


def test_an_age_is_in_words() -> None:
    assert formats.show_age(timedelta(seconds=180), locale=ENGLISH) == "3 minutes"
    assert formats.show_age(timedelta(seconds=180), locale=CHINESE) == "3分钟"


def test_countries_are_named_in_the_readers_language() -> None:
    assert dict(formats.list_countries(CHINESE))["CN"] == "中国"
    assert "EU" not in dict(formats.list_countries(ENGLISH))


@pytest.mark.parametrize(
    ("path", "kind"), [("/nowhere", "text/html"), ("/api/nowhere", "application/problem")]
)
def test_what_is_not_there_is_told_to_each_in_their_way(browser: Client, path: str, kind: str) -> None:
    answer = browser.get(path)

    assert answer.status_code == 404
    assert answer["content-type"].startswith(kind)


@pytest.fixture
def browser() -> Client:
    client = open_browser()
    client.raise_request_exception = False
    return client


def test_a_database_that_cannot_be_reached_is_a_passing_trouble(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("marketplace.board.list_rows", fail)

    answer = browser.get("/")

    assert (answer.status_code, answer["retry-after"]) == (503, "5")
    assert "Back in a moment" in answer.content.decode()


def test_a_fault_of_ours_says_nothing_of_it(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ValueError("a secret detail")

    monkeypatch.setattr("marketplace.board.list_rows", fail)

    answer = browser.get("/", headers={"accept-language": "zh-CN"})

    assert answer.status_code == 500
    assert "secret" not in answer.content.decode()
    assert "出了故障" in answer.content.decode()
    assert answer["x-request-id"] in answer.content.decode()


@override_settings(
    CACHES={
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
)
def test_signing_in_waits_for_redis(db: Database, browser: Client) -> None:
    answer = browser.post("/account/login/", {"login": "a@b.example", "password": "x"})

    assert answer.status_code == 503


def test_a_form_without_its_token_says_what_to_do(db: Database) -> None:
    strict = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)

    answer = strict.post("/account/login/", {"login": "a@b.example", "password": "x"})

    assert answer.status_code == 403
    assert "load the page again" in answer.content.decode()


def test_pages_run_nothing_inline_and_tell_nobody(db: Database, browser: Client) -> None:
    answer = browser.get("/")

    policy = answer["content-security-policy"]
    assert "unsafe" not in policy
    assert "report" not in policy
    page = answer.content.decode()
    assert " style=" not in page
    assert " onclick=" not in page


def test_no_page_of_ours_asks_for_a_card(db: Database, browser: Client) -> None:
    """Cards are typed on Stripe's pages; forms of ours are sent to nobody else."""
    asks = re.compile(r"cc-(?:number|csc|exp)|cardnumber|\bcv[cv]\b", re.IGNORECASE)
    folders = ("accounts", "billing", "config", "core", "marketplace", "workers")
    files = [path for name in folders for path in (REPOSITORY / name).rglob("*.*")]
    texts = {
        path: path.read_text(encoding="utf-8") for path in files if path.suffix in (".html", ".js", ".py")
    }

    assert [str(path) for path, text in texts.items() if asks.search(text)] == []
    assert "form-action 'self';" in browser.get("/")["content-security-policy"] + ";"


def test_every_page_says_what_only_looks_like_money(operator: Client) -> None:
    texts = ("Payments go to a stand-in for Stripe", "USDC comes from a stand-in for a chain")
    paths = (
        "/",
        "/account/login/",
        "/nothing/",
        "/admin/",
        "/admin/billing/entry/",
        "/operator/",
        "/api/docs/",
    )
    at_desk = {"STRIPE_KEY": "", "STRIPE_URL": "http://127.0.0.1:9", "CHAIN_ID": looks.DEVELOPERS_CHAIN}
    in_earnest = {"STRIPE_KEY": "sk_live_1", "STRIPE_URL": "", "CHAIN_ID": 8453}

    def read(path: str, settings: dict[str, object]) -> str:
        with override_settings(**settings, CHAIN_URL="http://127.0.0.1:9"):
            return operator.get(path, follow=True).content.decode()

    assert [path for path in paths if not all(text in read(path, at_desk) for text in texts)] == []
    assert [path for path in paths if any(text in read(path, in_earnest) for text in texts)] == []
