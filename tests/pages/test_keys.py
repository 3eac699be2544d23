"""What pages tell somebody new: which model to ask, with what key, and how to try it without money."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts import audit
from accounts.models import ApiKey, KeyMode, Organization, Role
from billing import spending_keys
from tests.cast import NOW
from tests.market import Stand
from workers import trial


@pytest.fixture
def on_offer(redis_url: str, stand: Stand) -> None:
    """A real model, and simulated ones for test keys."""
    trial.open_market(token=None, now=NOW)


def read(answer: Any) -> str:
    return str(answer.content.decode().replace("&quot;", '"'))


@pytest.mark.parametrize(("mode", "model"), [("TEST", "simulated-large"), ("LIVE", "small")])
def test_the_first_request_names_a_model_that_the_new_key_reaches(
    on_offer: None, lab: Organization, member_of: Callable[[Role], Client], mode: str, model: str
) -> None:
    page = read(member_of(Role.OWNER).post(f"/console/{lab.uid}/keys/", {"name": "first", "mode": mode}))

    assert f'model="{model}"' in page
    assert f"jp_{mode.lower()}_" in page


def test_nothing_is_named_while_nothing_is_on_offer(
    redis_url: str, lab: Organization, member_of: Callable[[Role], Client]
) -> None:
    page = read(member_of(Role.OWNER).post(f"/console/{lab.uid}/keys/", {"name": "first", "mode": "LIVE"}))

    assert "No model is on offer" in page
    assert "chat/completions" not in page


def test_somebody_new_is_told_how_to_try_it_without_money(
    on_offer: None, lab: Organization, member_of: Callable[[Role], Client]
) -> None:
    browser = member_of(Role.OWNER)

    page = read(browser.get(f"/console/{lab.uid}/"))
    form = read(browser.get(f"/console/{lab.uid}/keys/?mode=TEST"))

    assert "Try it without money" in page
    assert f"/console/{lab.uid}/keys/?mode=TEST" in page
    assert 'model="simulated-large"' in page
    assert "jp_test_…" in page
    assert '<option value="TEST" selected' in form


@pytest.mark.parametrize("modes", [("TEST",), ("LIVE",), ("LIVE", "TEST")], ids=str)
def test_the_overview_speaks_of_the_keys_there_are(
    on_offer: None, lab: Organization, member_of: Callable[[Role], Client], modes: tuple[str, ...]
) -> None:
    for mode in modes:
        spending_keys.issue_key(organization=lab, name=mode, mode=KeyMode(mode), actor=audit.SYSTEM, now=NOW)

    page = read(member_of(Role.MEMBER).get(f"/console/{lab.uid}/"))

    live = "LIVE" in modes
    assert ("jp_live_…" in page, "jp_test_…" in page) == (live, not live)
    assert f'model="{"small" if live else "simulated-large"}"' in page
    assert ("Try it without money" in page) == ("TEST" not in modes)


def test_where_there_is_no_test_mode_nobody_is_sent_there(
    redis_url: str, stand: Stand, lab: Organization, member_of: Callable[[Role], Client]
) -> None:
    page = read(member_of(Role.OWNER).get(f"/console/{lab.uid}/"))

    assert "Try it without money" not in page
    assert "jp_live_…" in page
    assert 'model="small"' in page


def test_with_money_and_no_key_the_first_request_is_a_live_one(
    on_offer: None, lab: Organization, lab_wallet: Any, member_of: Callable[[Role], Client]
) -> None:
    page = read(member_of(Role.OWNER).get(f"/console/{lab.uid}/"))

    assert "jp_live_…" in page
    assert 'model="small"' in page


def test_whoever_may_not_begin_with_test_money_is_told_why(
    redis_url: str,
    lab: Organization,
    member_of: Callable[[Role], Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "FREE_STARTS_NETWORK", 0)
    browser, address = member_of(Role.OWNER), f"/console/{lab.uid}/keys/"
    asked = {"name": "first", "mode": "TEST"}

    refused = browser.post(address, asked, REMOTE_ADDR="203.0.113.7")

    assert refused.status_code == 403
    assert "Many organizations were given test money from your network lately." in read(refused)
    assert not ApiKey.objects.exists()
    # The network that counts is the one that is seen, here this machine's own, which does not.
    assert "jp_test_" in read(browser.post(address, asked, HTTP_X_FORWARDED_FOR="203.0.113.7"))
