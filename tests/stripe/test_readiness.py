"""Before the first payment: the account, the key and the endpoints are looked at, and made fit."""

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from billing.stripe import client, readiness
from tests.stripe.bank import Bank

pytestmark = pytest.mark.sql
URL = "http://127.0.0.1:8000/api/stripe/webhook"


def run(*words: str) -> str:
    said = StringIO()
    call_command("stripe", *words, stdout=said)
    return said.getvalue()


def test_an_operator_makes_an_account_ready(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRETS", [])
    with pytest.raises(CommandError, match="3 of"):
        run("check")

    made, again = (run("install", "--url", URL) for _ in range(2))
    secrets = made.rpartition(": ")[2].strip().split(",")
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRETS", secrets)
    ready = run("check", "--url", URL)

    assert (made.count("made"), again.count("unchanged")) == (2, 2)
    assert len(set(secrets)) == 2
    assert "whsec" not in again
    assert "UNFIT" not in ready
    assert {one.api_version for one in bank.client.v1.webhook_endpoints.list().data} == {client.API_VERSION}
    with pytest.raises(CommandError, match="1 of"):
        run("check", "--live")
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRETS", secrets[:1])
    with pytest.raises(CommandError, match="1 of"):
        run("check")


def test_an_endpoint_of_another_version_is_replaced_and_retired(bank: Bank) -> None:
    old: Any = {"url": URL, "enabled_events": ["*"], "api_version": "2020-01-01.old"}
    ours = bank.client.v1.webhook_endpoints.create(old | {"metadata": {"jouleport": "account"}})
    others = bank.client.v1.webhook_endpoints.create(old)

    first = run("install", "--url", URL)
    second = run("install", "--url", URL, "--retire")

    assert f"outdated   account  {ours.id}" in first
    assert f"retired    account  {ours.id}" in second
    left = [one.id for one in bank.client.v1.webhook_endpoints.list().data]
    assert (ours.id in left, others.id in left, len(left)) == (False, True, 3)


def test_an_endpoint_that_was_switched_off_is_unfit_until_it_is_installed(bank: Bank) -> None:
    run("install", "--url", URL)
    endpoint = bank.client.v1.webhook_endpoints.list().data[0]
    bank.client.v1.webhook_endpoints.update(
        endpoint.id, {"disabled": True, "enabled_events": ["charge.updated"]}
    )
    seen = readiness.look(asked=bank.client, secrets=2)
    unfit = [one.text for one in readiness.judge(seen=seen, url=URL, wants_live=False) if not one.is_fit]

    assert len(unfit) == 2
    assert "disabled" in unfit[0]
    assert "but not of" in unfit[1]
    assert "updated" in run("install", "--url", URL)


def test_what_stripe_still_asks_for_is_named(bank: Bank) -> None:
    seen = readiness.look(asked=bank.client, secrets=2)
    asked = seen.account | {
        "charges_enabled": False,
        "requirements": {"currently_due": ["tos_acceptance.date"]},
        "capabilities": {"card_payments": "pending", "transfers": "active", "crypto_payments": "active"},
    }
    judged = readiness.judge(seen=replace(seen, account=asked), url=None, wants_live=False)
    unfit = {one.text for one in judged if not one.is_fit}

    assert "capability card_payments" in unfit
    assert "Stripe asks the account for nothing more: tos_acceptance.date" in unfit
    assert "account acct_home may take payments" in unfit


@pytest.mark.parametrize("url", ["ftp://x/api/stripe/webhook", "https://x.example/hook"])
def test_stripe_delivers_to_no_such_address(bank: Bank, url: str) -> None:
    with pytest.raises(CommandError, match="https addresses"):
        run("install", "--url", url)
    with pytest.raises(readiness.UnfitAddress):
        readiness.install(asked=bank.client, url=URL, retires=False)
