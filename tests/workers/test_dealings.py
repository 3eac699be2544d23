"""What counts as trade: not what an organization, or one person, does with itself."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from accounts import audit, keys
from accounts.models import Membership, Organization, Role, User
from tests.api.conftest import Farm, estate, make_user, sign_in, store  # noqa: F401
from tests.api.running import run_job
from tests.databases import Database
from tests.market import Stand, fund_wallet
from tests.signing_in import sign_in_operator
from workers import blobs, jobs
from workers.models import ArmsLengthDealing, Attempt, Dealing, NodeEvent

BODY = b'{"model": "small", "messages": [{"role": "user", "content": "Why?"}]}'


def deal(db: Database, buyer: Organization, stand: Stand) -> None:
    """Have the buyer's job run on the stand, and charged."""
    now = datetime.now(UTC)
    fund_wallet(buyer)
    key = keys.issue_key(organization=buyer, name="key", actor=audit.SYSTEM, now=now)
    uid = jobs.submit_job(
        organization=buyer, api_key=key.key, body=BODY, now=now, store=blobs.open_store()
    ).uid
    holder: Any = type("Holder", (), {"stand": stand})
    run_job(db, jobs.find_job(organization=buyer, uid=uid), holder, tokens_out=5)


def read_reasons() -> list[str | None]:
    return list(Dealing.objects.order_by("usage_id").values_list("excluded_because", flat=True))


def test_strangers_count_and_an_organization_with_itself_does_not(
    db: Database,
    lab: Organization,
    farm: Organization,
    stand: Stand,
    store: Any,  # noqa: F811
) -> None:
    deal(db, lab, stand)
    deal(db, farm, stand)

    assert read_reasons() == [None, "same_organization"]
    [counted] = ArmsLengthDealing.objects.select_related("buyer", "provider")
    assert (counted.buyer, counted.provider) == (lab, farm)
    # It is charged all the same.
    assert all(row.amount > 0 for row in Dealing.objects.all())


@pytest.mark.parametrize(("role", "reason"), [(Role.OWNER, "same_owner"), (Role.MEMBER, None)])
def test_two_organizations_of_one_owner_are_no_strangers(
    db: Database,
    lab: Organization,
    farm: Organization,
    stand: Stand,
    store: Any,  # noqa: F811
    role: Role,
    reason: str | None,
) -> None:
    person = make_user(farm, Role.OWNER, "owner")
    Membership.objects.create(organization=lab, user=person, role=role)

    deal(db, lab, stand)

    assert read_reasons() == [reason]


def test_operators_see_on_the_attempt_whether_it_counts(
    db: Database,
    farm: Organization,
    stand: Stand,
    store: Any,  # noqa: F811
) -> None:
    deal(db, farm, stand)
    pages = sign_in_operator(User.objects.create_superuser("operator@example.org", "a long password"))

    page = pages.get(f"/admin/workers/attempt/{Attempt.objects.get().pk}/change/").content.decode()

    assert "same_organization" in page


def test_nobody_writes_what_counts(db: Database) -> None:
    with db.connect() as connection:
        for statement in ("DELETE FROM arms_length", "INSERT INTO dealing (usage_id) VALUES (1)"):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode())


def test_a_provider_sees_that_a_token_was_used_twice(db: Database, estate: Farm) -> None:  # noqa: F811
    node = estate.stand.node
    NodeEvent.objects.create(
        node=node,
        kind="SECOND_CONNECTION",
        details={"epoch": 2, "before": 1},
        created_at=datetime.now(UTC),
    )
    client = sign_in(estate.owner)

    events = client.get(f"/api/nodes/{node.uid}/events").json()["results"]

    assert [(event["kind"], event["details"]["epoch"]) for event in events] == [("SECOND_CONNECTION", 2)]
    assert client.get(f"/api/nodes/{node.uid}/events?kind=OTHER").json()["results"] == []
