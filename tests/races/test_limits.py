"""Many at once on one limit: whoever shares it, and also in the moment in which its period turns."""

from collections import Counter
from typing import Any

import psycopg
import pytest

from billing import verification
from billing.limits import Kind
from tests.billing import exchange as ex
from tests.billing.exchange import Buyer, Seller, fetch_value
from tests.billing.people import make_key
from tests.databases import Database
from tests.races.interleaving import Step, run_together

pytestmark = [pytest.mark.sql, pytest.mark.race]

CROWD = 200
ROOM = 17
THREADS = 20


def ask_often(buyers: list[Buyer], farm: Seller, *, wait: bool) -> list[Step]:
    """Each thread has a key of its own and asks until it was told yes or no, again and again."""

    def make(buyer: Buyer) -> Step:
        def ask(connection: psycopg.Connection[Any]) -> Counter[str]:
            verdicts: Counter[str] = Counter()
            for _ in range(CROWD // THREADS):
                verdict = "busy"
                while verdict == "busy":
                    verdict = ex.admit_items(connection, [(buyer, farm)], wait=wait)[0]["verdict"]
                verdicts[verdict] += 1
            return verdicts

        return ask

    return [make(buyers[number % len(buyers)]) for number in range(THREADS)]


def share(app: psycopg.Connection[Any], lab: Buyer, kind: Kind) -> tuple[list[Buyer], int]:
    """Buyers with keys of the lab that share a limit of this kind, and the id of what is limited."""
    if kind is Kind.KEY:
        return [lab], lab.key_id
    organization = lab.organization_id
    keys = [make_key(app, organization) for _ in range(THREADS)]
    buyers = [Buyer(organization, key, lab.wallet_id, lab.account_id) for key in keys]
    if kind is Kind.PROJECT:
        project = ex.make_project(app, organization, "night")
        app.execute("UPDATE accounts_apikey SET project_id = %s WHERE id = ANY (%s)", [project, keys])
        return buyers, project
    person = ex.make_person(app, "ann@example.org")
    app.execute("UPDATE accounts_apikey SET created_by_id = %s WHERE id = ANY (%s)", [person, keys])
    return buyers, person


@pytest.mark.parametrize("wait", [True, False], ids=["waiting", "hasty"])
@pytest.mark.parametrize("kind", list(Kind), ids=[kind.name for kind in Kind])
def test_two_hundred_at_once_on_a_limit_with_room_for_some(
    db: Database, app: psycopg.Connection[Any], farm: Seller, kind: Kind, wait: bool
) -> None:
    lab = ex.make_buyer(app, "Lab", funds="1000")
    buyers, subject = share(app, lab, kind)
    ex.set_limit(app, lab, f"{2 * ROOM}.999999999", kind=kind, subject=subject, period="DAILY")
    # The first of them all makes the row of the day.
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        ex.end_periods(owner)

    outcomes = run_together(db, ask_often(buyers, farm, wait=wait))

    assert [outcome.error for outcome in outcomes if outcome.error] == []
    verdicts = sum((outcome.value for outcome in outcomes), Counter[str]())
    assert verdicts == {"ok": ROOM, f"{kind.name.lower()}_limit_exceeded": CROWD - ROOM}
    assert fetch_value(app, "SELECT count(*) FROM scope WHERE kind = %s", kind.value) == 2
    assert verification.verify() == []


def test_a_limit_lowered_in_the_middle_of_a_crowd_is_never_passed_afterwards(
    db: Database, app: psycopg.Connection[Any], farm: Seller
) -> None:
    lab = ex.make_buyer(app, "Lab", funds="1000")
    scope = ex.set_limit(app, lab, 300, period="MONTHLY")

    def lower(connection: psycopg.Connection[Any]) -> Any:
        ex.set_limit(connection, lab, 9, period="MONTHLY")
        return fetch_value(connection, "SELECT held FROM scope WHERE id = %s", scope)

    *crowd, lowered = run_together(db, [*ask_often([lab], farm, wait=True), lower])

    assert [outcome.error for outcome in crowd if outcome.error] == []
    [(posted, held)] = [ex.read_scope(app, scope)]
    assert held <= max(lowered.value, 9)
    assert posted == 9
    assert ex.admit_items(app, [(lab, farm)])[0]["verdict"] == "key_limit_exceeded"
    assert verification.verify() == []
