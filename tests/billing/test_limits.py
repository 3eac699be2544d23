"""Spending limits: of keys, members and projects, for a day, a week, a month or in all."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from accounts import audit, keys, organizations, projects
from accounts.models import ApiKey, AuditEvent, Membership, Organization, Role, User
from billing import limits, periods, verification, wallets
from billing.limits import Kind, Limit, Period, Subject
from billing.models import Hold, SpendingLimit
from core.errors import NotFound
from core.money import Money
from tests.billing import exchange
from tests.billing.exchange import NOW, Buyer, Row, Seller, fetch_value

pytestmark = pytest.mark.sql


def dollars(text: str) -> Money:
    return Money.parse(text, "USD")


@pytest.fixture
def now() -> datetime:
    """The database's own time."""
    return datetime.now(UTC)


@pytest.fixture
def organization(lab: Buyer) -> Organization:
    """The lab as the services know it."""
    return Organization.objects.get(pk=lab.organization_id)


@pytest.fixture
def key(lab: Buyer) -> ApiKey:
    """The lab's key."""
    return ApiKey.objects.select_related("organization").get(pk=lab.key_id)


@pytest.fixture
def ann(organization: Organization) -> Membership:
    """A member of the lab."""
    user = User.objects.create_user(email="ann@example.org", name="Ann")
    return organizations.add_member(
        organization=organization, user=user, role=Role.MEMBER, actor=audit.SYSTEM, now=NOW
    )


def set_limit(
    organization: Organization,
    subject: Subject,
    amount: str,
    now: datetime,
    *,
    period: Period = Period.MONTHLY,
    currency: str = "USD",
) -> Limit:
    return limits.set_limit(
        organization=organization,
        subject=subject,
        period=period,
        ceiling=Money.parse(amount, currency),
        actor=audit.SYSTEM,
        now=now,
    )


def of_key(key: ApiKey) -> Subject:
    return Subject(Kind.KEY, key.pk, key.uid, key.name)


def read(key: ApiKey, now: datetime) -> Limit:
    [limit] = limits.list_key_limits(key_ids=[key.pk], now=now)[key.pk]
    return limit


def find_row() -> int:
    """The row of the one limit's running period."""
    return SpendingLimit.objects.values_list("scope_id", flat=True).get() or 0


def verdicts(rows: list[Row]) -> list[str]:
    return [row["verdict"] for row in rows]


def test_spends_up_to_every_limit_and_names_the_one_that_refused(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller, key: ApiKey, now: datetime
) -> None:
    set_limit(key.organization, of_key(key), "9", now, period=Period.LIFETIME)
    set_limit(key.organization, of_key(key), "5", now, period=Period.DAILY)

    rows = exchange.admit_items(app, [(lab, farm)] * 3)

    assert verdicts(rows) == ["ok", "ok", "key_limit_exceeded"]
    scope = json.loads(rows[2]["detail"])
    assert scope["resets_at"] == f"{periods.find_end('DAILY', now=now):%Y-%m-%dT%H:%M:%SZ}"
    assert (scope["kind"], scope["period"], scope["currency"]) == ("key", "daily", "USD")
    assert (scope["limit"], scope["spent"], scope["held"]) == ("5", "0", "4")
    assert (scope["available"], scope["needed"]) == ("1", "2")
    daily, lifetime = (SpendingLimit.objects.get(period=period) for period in ("DAILY", "LIFETIME"))
    assert Hold.objects.all()[0].scopes == [lab.wallet_id, lifetime.scope_id, daily.scope_id]
    assert verification.verify() == []


def test_an_empty_wallet_says_how_much_there_is(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    [row] = exchange.admit_items(app, [(lab, farm)], out_bound=6000)

    assert row["verdict"] == "insufficient_funds"
    assert json.loads(row["detail"]) == {
        "kind": "wallet",
        "currency": "USD",
        "posted": "10",
        "held": "0",
        "available": "10",
        "needed": "12",
    }


def test_a_member_spends_with_every_key_and_the_narrowest_limit_is_named(
    app: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    organization: Organization,
    ann: Membership,
    now: datetime,
) -> None:
    buyers = []
    for name in ("laptop", "server"):
        issued = keys.issue_key(
            organization=organization, name=name, actor=audit.Actor.from_user(ann.user), now=now
        )
        buyers.append(Buyer(lab.organization_id, issued.key.pk, lab.wallet_id, lab.account_id))
    ann_herself = limits.find_subject(organization=organization, kind=Kind.MEMBER, uid=ann.user.uid)
    set_limit(organization, ann_herself, "4", now)

    rows = exchange.admit_items(app, [(buyers[0], farm), (buyers[1], farm), (buyers[0], farm), (lab, farm)])

    assert verdicts(rows) == ["ok", "ok", "member_limit_exceeded", "ok"]
    # The limit outlives the membership, as the keys do.
    organizations.remove_member(membership=ann, actor=audit.SYSTEM, now=now)
    assert verdicts(exchange.admit_items(app, [(buyers[1], farm)])) == ["member_limit_exceeded"]
    assert limits.find_subject(organization=organization, kind=Kind.MEMBER, uid=ann.user.uid) == ann_herself


def test_a_project_is_shared_by_its_keys_and_the_keys_of_its_members(
    app: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    organization: Organization,
    ann: Membership,
    key: ApiKey,
    now: datetime,
) -> None:
    night, day = (
        projects.create_project(organization=organization, name=name, actor=audit.SYSTEM, now=now)
        for name in ("night", "day")
    )
    issued = keys.issue_key(
        organization=organization, name="laptop", actor=audit.Actor.from_user(ann.user), now=now
    )
    hers = Buyer(lab.organization_id, issued.key.pk, lab.wallet_id, lab.account_id)
    projects.move_key(key=key, project=night, actor=audit.SYSTEM, now=now)
    projects.move_member(membership=ann, project=night, actor=audit.SYSTEM, now=now)
    subject = limits.find_subject(organization=organization, kind=Kind.PROJECT, uid=night.uid)
    set_limit(organization, subject, "4", now)

    assert verdicts(exchange.admit_items(app, [(lab, farm), (hers, farm), (lab, farm)])) == [
        "ok",
        "ok",
        "project_limit_exceeded",
    ]
    organizations.remove_member(membership=ann, actor=audit.SYSTEM, now=now)
    assert verdicts(exchange.admit_items(app, [(hers, farm)])) == ["project_limit_exceeded"]
    # A key's own project goes before its maker's.
    projects.move_key(key=issued.key, project=day, actor=audit.SYSTEM, now=now)
    assert verdicts(exchange.admit_items(app, [(hers, farm)])) == ["ok"]
    assert verification.verify() == []


def test_the_narrowest_of_several_is_named(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller, key: ApiKey, now: datetime
) -> None:
    project = projects.create_project(
        organization=key.organization, name="night", actor=audit.SYSTEM, now=now
    )
    projects.move_key(key=key, project=project, actor=audit.SYSTEM, now=now)
    for subject in (of_key(key), Subject(Kind.PROJECT, project.pk, project.uid, "night")):
        set_limit(key.organization, subject, "1", now)

    assert verdicts(exchange.admit_items(app, [(lab, farm)])) == ["key_limit_exceeded"]


def test_a_turn_of_the_period_in_the_middle_of_a_job_loses_nothing(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    key: ApiKey,
    now: datetime,
) -> None:
    set_limit(key.organization, of_key(key), "2", now, period=Period.DAILY)
    job = exchange.admit(app, lab, farm)
    before = find_row()
    exchange.end_periods(owner)
    assert read(key, now).available == dollars("2")

    tomorrow = exchange.admit(app, lab, farm)
    exchange.record(app, job.attempt_id)
    exchange.post_charges(app)

    after = find_row()
    assert before != after
    assert exchange.read_scope(app, before) == (Decimal("1.8"), Decimal(0))
    assert exchange.read_scope(app, after) == (Decimal(2), Decimal(2))
    limit = read(key, now)
    assert (limit.spent, limit.held, limit.available) == (dollars("0"), dollars("2"), dollars("0"))
    assert limit.starts_at == periods.find_start("DAILY", now=now)
    exchange.fail(app, tomorrow.attempt_id)
    assert verification.verify() == []


def test_what_was_spent_stays_spent_when_a_limit_moves(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller, key: ApiKey, now: datetime
) -> None:
    set_limit(key.organization, of_key(key), "4", now)
    exchange.record(app, exchange.admit(app, lab, farm).attempt_id)
    exchange.post_charges(app)

    raised = set_limit(key.organization, of_key(key), "6", now)
    lowered = set_limit(key.organization, of_key(key), "0.5", now)

    assert raised.uid == lowered.uid
    assert (raised.spent, raised.available) == (dollars("0.2"), dollars("5.8"))
    assert (lowered.spent, lowered.available) == (dollars("0.2"), dollars("0.3"))


def test_a_limit_lowered_below_what_is_held_lets_it_settle_and_nothing_more_begin(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller, key: ApiKey, now: datetime
) -> None:
    set_limit(key.organization, of_key(key), "5", now)
    jobs = [exchange.admit(app, lab, farm) for _ in range(2)]

    lowered = set_limit(key.organization, of_key(key), "1", now)

    assert (lowered.held, lowered.available) == (dollars("4"), dollars("0"))
    assert verdicts(exchange.admit_items(app, [(lab, farm)], out_bound=1)) == ["key_limit_exceeded"]
    # One is given back, but what is out is still more than the limit.
    exchange.fail(app, jobs[0].attempt_id)
    assert verdicts(exchange.admit_items(app, [(lab, farm)], out_bound=1)) == ["key_limit_exceeded"]
    exchange.record(app, jobs[1].attempt_id, out=900)
    exchange.post_charges(app)
    assert read(key, now).spent == dollars("1.8")
    assert verdicts(exchange.admit_items(app, [(lab, farm)], out_bound=1)) == ["key_limit_exceeded"]
    set_limit(key.organization, of_key(key), "2", now)
    assert verdicts(exchange.admit_items(app, [(lab, farm)], out_bound=100)) == ["ok"]
    assert verification.verify() == []


def test_a_limit_that_is_removed_stops_nothing_and_comes_back_as_it_was(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller, key: ApiKey, now: datetime
) -> None:
    limit = set_limit(key.organization, of_key(key), "2", now)
    first = exchange.admit(app, lab, farm)
    row = limits.find_limit(organization=key.organization, uid=limit.uid)

    limits.end_limit(row=row, actor=audit.SYSTEM, now=now)

    assert limits.list_key_limits(key_ids=[key.pk], now=now) == {}
    with pytest.raises(NotFound):
        limits.end_limit(row=row, actor=audit.SYSTEM, now=now)
    with pytest.raises(NotFound):
        limits.find_limit(organization=key.organization, uid=limit.uid)
    assert verdicts(exchange.admit_items(app, [(lab, farm)])) == ["ok"]
    exchange.record(app, first.attempt_id)
    exchange.post_charges(app)
    again = set_limit(key.organization, of_key(key), "2", now)
    assert (again.uid, again.spent) == (limit.uid, dollars("0.2"))
    assert verification.verify() == []
    actions = AuditEvent.objects.filter(subject_kind="limit").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["limit.set", "limit.remove", "limit.set"]


def test_what_is_limited_in_one_currency_spends_in_no_other(
    app: psycopg.Connection[Any], farm: Seller, now: datetime
) -> None:
    fund = exchange.make_buyer(app, "Fund")
    wallets.open_wallet(organization_id=fund.organization_id, currency="CNY")
    key = ApiKey.objects.select_related("organization").get(pk=fund.key_id)
    set_limit(key.organization, of_key(key), "5", now, currency="CNY")

    [row] = exchange.admit_items(app, [(fund, farm)])

    assert row["verdict"] == "limit_in_other_currency"
    assert json.loads(row["detail"])["currency"] == "CNY"
    set_limit(key.organization, of_key(key), "5", now, currency="USD")
    assert verdicts(exchange.admit_items(app, [(fund, farm)])) == ["ok"]


def test_somebody_elses_limit_is_no_limit(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller, ann: Membership, now: datetime
) -> None:
    fund = exchange.make_buyer(app, "Fund")
    theirs = Organization.objects.get(pk=fund.organization_id)
    organizations.add_member(
        organization=theirs, user=ann.user, role=Role.MEMBER, actor=audit.SYSTEM, now=now
    )
    app.execute("UPDATE accounts_apikey SET created_by_id = %s", [ann.user_id])
    ann_there = limits.find_subject(organization=theirs, kind=Kind.MEMBER, uid=ann.user.uid)
    set_limit(theirs, ann_there, "1", now)

    assert verdicts(exchange.admit_items(app, [(lab, farm), (fund, farm)])) == ["ok", "member_limit_exceeded"]


@pytest.mark.parametrize(
    ("amount", "currency"), [("-1", "USD"), ("1", "XXX"), ("1", "XTS")], ids=["negative", "unknown", "test"]
)
def test_refuses_limits_that_cannot_be(key: ApiKey, now: datetime, amount: str, currency: str) -> None:
    with pytest.raises(limits.InvalidLimit):
        set_limit(key.organization, of_key(key), amount, now, currency=currency)


def test_refuses_a_second_limit_for_the_same_period(key: ApiKey, now: datetime) -> None:
    limit = set_limit(key.organization, of_key(key), "5", now)

    with pytest.raises(limits.LimitExists):
        limits.create_limit(
            organization=key.organization,
            subject=limit.subject,
            period=Period.MONTHLY,
            ceiling=dollars("6"),
            actor=audit.SYSTEM,
            now=now,
        )


@pytest.mark.parametrize("kind", list(Kind), ids=[kind.name for kind in Kind])
def test_nobody_limits_what_is_not_there(organization: Organization, app: Any, kind: Kind) -> None:
    fund = exchange.make_buyer(app, "Fund")
    other = Organization.objects.get(pk=fund.organization_id)
    user = User.objects.create_user(email="bob@example.org")
    organizations.add_member(organization=other, user=user, role=Role.OWNER, actor=audit.SYSTEM, now=NOW)
    theirs = {
        Kind.KEY: ApiKey.objects.get(pk=fund.key_id).uid,
        Kind.MEMBER: user.uid,
        Kind.PROJECT: projects.create_project(
            organization=other, name="night", actor=audit.SYSTEM, now=NOW
        ).uid,
    }

    with pytest.raises(NotFound):
        limits.find_subject(organization=organization, kind=kind, uid=theirs[kind])


def test_the_database_passes_no_limit_that_code_writes_around(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    key: ApiKey,
    now: datetime,
) -> None:
    set_limit(key.organization, of_key(key), "2", now)
    job = exchange.admit(app, lab, farm)

    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute("UPDATE scope SET held = held + 1 WHERE kind = 4")
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute("UPDATE scope SET posted = posted - 1 WHERE kind = 4")
    assert fetch_value(owner, "SELECT change_hold_v1(hold_id, 3) FROM job WHERE id = %s", job.job_id) == (
        "insufficient_funds"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("UPDATE spending_limit SET ceiling = 1000")


def test_two_keys_with_many_limits_in_one_call_keep_their_own(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller, key: ApiKey, now: datetime
) -> None:
    other = keys.issue_key(organization=key.organization, name="other", actor=audit.SYSTEM, now=now)
    hers = Buyer(lab.organization_id, other.key.pk, lab.wallet_id, lab.account_id)
    free = exchange.make_buyer(app, "Free")
    for period in Period:
        set_limit(key.organization, of_key(key), "2", now, period=period)
        set_limit(key.organization, of_key(other.key), "4", now, period=period)

    rows = exchange.admit_items(app, [(free, farm), *[(lab, farm), (hers, farm)] * 2, (hers, farm)])

    assert verdicts(rows) == ["ok", "ok", "ok", "key_limit_exceeded", "ok", "key_limit_exceeded"]
    assert [len(hold.scopes) for hold in Hold.objects.order_by("id")] == [1, 5, 5, 5]
    assert verification.verify() == []
