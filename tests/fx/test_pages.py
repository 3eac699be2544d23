"""A buyer exchanges money on pages: the rate is shown, held, taken once."""

import re
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.models import Membership, Organization, Role, User
from billing.fx import amounts, conversions, quotes
from billing.models import FxConversion, FxQuote
from core.money import NotAnAmount
from tests.databases import Database
from tests.fx import exchanging as ex

pytestmark = pytest.mark.sql
HELD = re.compile(r"This rate is held for you until")


@pytest.fixture
def buyer(db: Database, lab: Organization, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The browser of the lab's owner, who has 100 dollars; a dollar is worth 7.1 yuan of both kinds."""
    now = timezone.now()
    for currency, rate in (("CNY", "7.1"), ("CNH", "7.2")):
        ex.say("USD", currency, rate, as_of=now - ex.HOUR)
    ex.pay_in(lab, "100", "USD")
    owner = User.objects.create_user("owner@lab.example", "a long password")
    Membership.objects.create(organization=lab, user=owner, role=Role.OWNER)
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(owner)
    return browser


def test_a_rate_is_shown_and_taken_once(buyer: Client, lab: Organization) -> None:
    page = f"/console/{lab.uid}/convert/"
    wish = {"sell": "USD", "buy": "CNY", "amount": "10", "side": "give"}

    shown = buyer.post(page, wish, follow=True)
    quote = FxQuote.objects.get(organization=lab)
    taken = buyer.post(f"{page}{quote.uid}/", {"sell": "10"}, follow=True)
    again = buyer.post(f"{page}{quote.uid}/", {"sell": "10"}, follow=True)
    more = buyer.post(f"{page}{quote.uid}/", {"sell": "11"})

    done = FxConversion.objects.get()
    text = shown.content.decode()
    assert HELD.search(text)
    assert f'value="{done.bought.normalize():f}"' in text
    assert "Exchanged." in taken.content.decode()
    assert (again.status_code, more.status_code) == (200, 409)
    assert "used already" in more.content.decode()
    assert ex.posted(lab, "USD") == 90
    assert ex.posted(lab, "CNY") == done.bought
    assert f'value="{done.bought.normalize():f}"' in buyer.get(page).content.decode()


def test_what_cannot_be_exchanged_says_why_and_moves_nothing(buyer: Client, lab: Organization) -> None:
    page = f"/console/{lab.uid}/convert/"
    wish = {"sell": "USD", "buy": "CNH", "amount": "5000", "side": "get"}

    same = buyer.post(page, wish | {"buy": "USD"})
    much = buyer.post(page, wish, follow=True)
    anyway = buyer.post(much.redirect_chain[0][0].partition("?")[0], {"buy": "5000"})
    over = quotes.make_quote(sell="USD", buy="CNH", organization=lab, now=timezone.now() - ex.HOUR / 2)
    late = buyer.get(f"{page}{over.uid}/?sell=1")
    late_anyway = buyer.post(f"{page}{over.uid}/", {"sell": "1"})

    assert [answer.status_code for answer in (same, anyway, late_anyway)] == [422, 402, 409]
    assert "two different currencies" in same.content.decode()
    assert "which is less than that" in much.content.decode()
    assert "not so much to spend" in anyway.content.decode()
    assert "has expired" in late.content.decode()
    assert "has expired" in late_anyway.content.decode()
    assert not HELD.search(late.content.decode())
    assert not FxConversion.objects.exists()
    assert ex.posted(lab, "USD") == 100


def test_addresses_that_name_no_amount_lead_nowhere(buyer: Client, lab: Organization) -> None:
    quote = quotes.make_quote(sell="USD", buy="CNY", organization=lab, now=timezone.now())
    page = f"/console/{lab.uid}/convert/{quote.uid}/"

    answers = [buyer.get(page + asked).status_code for asked in ("", "?sell=x", "?sell=1&buy=1")]

    assert answers == [404, 404, 404]
    assert "worth nothing" in buyer.get(f"{page}?sell=0").content.decode()


@pytest.mark.parametrize(
    ("sell", "buy"), [("10", None), ("0.000000007", None), (None, "33.333333333"), (None, "0.000000019")]
)
def test_what_is_shown_is_what_is_exchanged(
    db: Database, lab: Organization, sell: str | None, buy: str | None
) -> None:
    ex.say("USD", "CNY", "7.123456789012345678")
    ex.pay_in(lab, "100", "USD")
    quote = ex.quote(lab, "USD", "CNY")
    asked = {"sell": Decimal(sell) if sell else None, "buy": Decimal(buy) if buy else None}

    shown = amounts.reckon(rate=quote.rate, mid=quote.mid, **asked)
    done = conversions.convert(quote=quote, organization=lab, **asked, actor=audit.SYSTEM, now=quote.made_at)

    assert shown == amounts.Amounts(done.sold, done.bought, done.sold - done.mid_amount)


def test_amounts_that_nobody_could_exchange() -> None:
    rate = Decimal("0.14")
    assert amounts.reckon(rate=Decimal(2), mid=Decimal(2), sell=Decimal("0.000000001")) is None
    with pytest.raises(NotAnAmount):
        amounts.reckon(rate=rate, mid=rate, sell=Decimal("0.0000000001"))
    with pytest.raises(ValueError, match="either"):
        amounts.reckon(rate=rate, mid=rate)
