"""Test money for a first time: whoever has begun too often is told so, and an operator lets them in."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.test import RequestFactory

from accounts import networks, organizations
from accounts.audit import Actor
from accounts.models import ActorKind, AuditEvent, Organization, User
from billing import verification, xts
from billing.free_starts import starts
from billing.models import FreeStart, FreeStartMark, StripeCard
from tests.signing_in import sign_in_operator

pytestmark = pytest.mark.sql

MOST = 3


@pytest.fixture(autouse=True)
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often one may begin."""
    for name, value in (("PERSON", MOST), ("NETWORK", MOST), ("DAYS", 30)):
        monkeypatch.setattr(settings, f"FREE_STARTS_{name}", value)


@pytest.fixture
def farms(db: Any, now: datetime) -> list[Organization]:
    """As many organizations as are let in, and one more."""
    return [
        organizations.create_organization(name=f"Farm {number}", country="US", now=now)
        for number in range(MOST + 1)
    ]


def somebody(network: str = "", user: User | None = None) -> Actor:
    """A person who asks from a network."""
    user = user or User(uid=uuid4())
    return Actor(ActorKind.USER, user.uid, user, network)


def begin(organization: Organization, actor: Actor, now: datetime) -> str:
    """FULL, or whose marks were too many."""
    try:
        wallet = xts.fill_wallet(organization=organization, actor=actor, now=now)
    except starts.StartRefused as refusal:
        return str(refusal.extra["reason"])
    return "FULL" if wallet.posted == xts.FULL else "PART"


def test_a_person_begins_with_few_organizations(farms: list[Organization], now: datetime) -> None:
    person = somebody()
    *first, last = [begin(farm, person, now) for farm in farms]
    again = begin(farms[0], person, now)

    assert (first, last, again) == (["FULL"] * MOST, "PERSON", "FULL")
    assert begin(farms[-1], person, now + timedelta(days=31)) == "FULL"
    assert verification.verify() == []


def test_a_network_begins_with_few_organizations_and_is_forgotten(
    farms: list[Organization], now: datetime
) -> None:
    network = "203.0.113.0/24"
    *first, last = [begin(farm, somebody(network), now) for farm in farms]
    kept = FreeStartMark.objects.filter(kind="NETWORK")

    assert (first, last) == (["FULL"] * MOST, "NETWORK")
    assert begin(farms[-1], somebody("203.0.114.0/24"), now) == "FULL"
    # What is kept is no address.
    assert {len(mark.mark) for mark in kept.all()} == {64}
    assert (starts.forget_networks(now=now + timedelta(days=29)), kept.count()) == (0, MOST + 1)
    assert (starts.forget_networks(now=now + timedelta(days=30)), kept.count()) == (MOST + 1, 0)


def test_a_card_begins_with_one_organization(farms: list[Organization], now: datetime) -> None:
    first, second, third, _ = farms
    starts.note_card(organization_id=first.pk, fingerprint="card", now=now)
    began = begin(first, somebody(), now)
    starts.note_card(organization_id=second.pk, fingerprint="card", now=now)
    # A card that comes after the start counts from then on.
    began_without = begin(third, somebody(), now)
    starts.note_card(organization_id=third.pk, fingerprint="other", now=now)
    starts.note_card(organization_id=third.pk, fingerprint="card", now=now)

    assert (began, begin(second, somebody(), now), began_without) == ("FULL", "CARD", "FULL")
    marks = FreeStartMark.objects.filter(kind="CARD").values_list("start__organization__name", "mark")
    assert set(marks) == {(first.name, "card"), (third.name, "other")}
    assert StripeCard.objects.count() == 4


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("a@mailinator.com", "EMAIL"),
        ("a@Deep.Below.MAILINATOR.com.", "EMAIL"),
        ("a@notmailinator.example", "FULL"),
        ("", "FULL"),
    ],
)
def test_an_address_that_is_lent_begins_nothing(
    farms: list[Organization], now: datetime, email: str, told: str
) -> None:
    person = somebody(user=User(uid=uuid4(), email=email))

    assert begin(farms[0], person, now) == told
    # Who has begun goes on, whatever address is theirs by then.
    assert begin(farms[0], somebody(), now) == "FULL"
    assert begin(farms[0], person, now) == "FULL"


def test_an_operator_lets_in_whom_the_rules_refuse(farms: list[Organization], now: datetime) -> None:
    person, operator = somebody(), somebody()
    *_, last = [begin(farm, person, now) for farm in farms]
    with pytest.raises(starts.ReasonNeeded):
        xts.start_by_hand(organization=farms[-1], reason=" ", actor=operator, now=now)
    made = xts.start_by_hand(organization=farms[-1], reason="A university", actor=operator, now=now)
    with pytest.raises(starts.AlreadyStarted):
        xts.start_by_hand(organization=farms[-1], reason="Again", actor=operator, now=now)
    told = AuditEvent.objects.get(action="free_start.grant")

    assert (last, made.origin, begin(farms[-1], person, now)) == ("PERSON", FreeStart.Origin.OPERATOR, "FULL")
    assert (told.actor_uid, told.organization, told.details) == (
        operator.uid,
        farms[-1],
        {"reason": "A university"},
    )


def test_the_database_gives_a_card_one_start(
    farms: list[Organization], now: datetime, owner: psycopg.Connection[Any]
) -> None:
    for farm in farms[:2]:
        begin(farm, somebody(), now)
    with pytest.raises(psycopg.errors.UniqueViolation, match="free_start_mark_card"):
        owner.execute("INSERT INTO free_start_mark SELECT id, 'CARD', 'card', now() FROM free_start")


@pytest.mark.parametrize(
    ("proxies", "meta", "network"),
    [
        (0, {"REMOTE_ADDR": "203.0.113.7"}, "203.0.113.0/24"),
        (0, {"REMOTE_ADDR": "2001:db8:7:8::9"}, "2001:db8:7::/48"),
        (0, {"REMOTE_ADDR": "::ffff:203.0.113.7"}, "203.0.113.0/24"),
        (0, {"REMOTE_ADDR": "127.0.0.1"}, ""),
        (0, {"REMOTE_ADDR": ""}, ""),
        # What a caller claims counts for nothing: neither without a proxy nor before what the proxy saw.
        (0, {"REMOTE_ADDR": "203.0.113.7", "HTTP_X_FORWARDED_FOR": "198.51.100.1"}, "203.0.113.0/24"),
        (1, {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.2.3.4, 198.51.100.1"}, "198.51.100.0/24"),
        (1, {"REMOTE_ADDR": "10.0.0.1"}, ""),
        (1, {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "[2001:db8:7::1]:80"}, "2001:db8:7::/48"),
    ],
)
def test_a_network_is_what_our_proxy_saw(
    monkeypatch: pytest.MonkeyPatch, proxies: int, meta: dict[str, str], network: str
) -> None:
    monkeypatch.setattr(settings, "ALLAUTH_TRUSTED_PROXY_COUNT", proxies)
    request = RequestFactory().get("/")
    request.META |= meta

    assert networks.find_network(request) == network


def test_an_operator_lets_somebody_in_on_a_page(farms: list[Organization], now: datetime) -> None:
    operator = User.objects.create_superuser("operator@example.org", "a long password")
    browser, address = sign_in_operator(operator), "/admin/billing/freestart/add/"
    farm = farms[0]
    begin(farms[1], somebody("203.0.113.0/24"), now)
    started = FreeStart.objects.get(organization=farms[1])
    wrong = [
        {"organization": str(uuid4()), "reason": "A university"},
        {"organization": str(farms[1].uid), "reason": "A university"},
        {"organization": str(farm.uid), "reason": ""},
    ]

    assert [browser.post(address, given).status_code for given in wrong] == [200] * 3
    assert browser.post(address, {"organization": str(farm.uid), "reason": "A university"}).status_code == 302
    made = FreeStart.objects.get(organization=farm)
    assert (made.actor, made.reason) == (f"user:{operator.uid}", "A university")
    assert xts.fill_wallet(organization=farm, actor=somebody(), now=now).posted == xts.FULL
    assert "A university" in browser.get("/admin/billing/freestart/", {"q": farm.name}).content.decode()
    shown = browser.get(f"/admin/billing/freestart/{started.pk}/change/").content.decode()
    assert starts.hash_network("203.0.113.0/24")[:12] in shown
    assert starts.hash_network("203.0.113.0/24") not in shown
    assert browser.post(f"/admin/billing/freestart/{made.pk}/delete/").status_code == 403
