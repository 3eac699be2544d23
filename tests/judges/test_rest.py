"""
schemathesis reads the description of the REST interface, invents requests, and watches what a server answers.

It is everybody in turn. Afterwards the books are clean, and only an operator has changed another's things.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts import agent_tokens, audit, keys
from accounts.models import Organization, Role
from billing import verification
from billing.rails.chain import deposits
from marketplace.models import Job
from tests.api.conftest import (  # noqa: F401
    Farm,
    estate,
    full_estate,
    make_client,
    make_operator,
    make_user,
    now,
    sign_in,
    store,
    use_second_factor,
)
from tests.api.routes import ROUTES
from tests.cast import NOW
from tests.databases import Database
from tests.judges import rest
from tests.market import fund_wallet, make_stand, small, stand  # noqa: F401
from tests.stand_ins.fixtures import StripeStandIn
from workers import blobs, jobs

pytestmark = [pytest.mark.judge, pytest.mark.timeout(1200)]

SEED = 20260504
# How much is invented for whom: `make fuzz` has the long form. An owner buys and provides.
LONG = os.environ.get("FUZZ") == "long"
PHASES = "examples,coverage,fuzzing,stateful" if LONG else "examples,fuzzing"
EFFORTS = {
    "owner": ("--phases", PHASES, "--max-examples", "20" if LONG else "3"),
    "key": ("--phases", PHASES, "--max-examples", "5" if LONG else "1"),
    "operator": ("--phases", "coverage,fuzzing", "--max-examples", "5", "--include-path-regex", "/operator/"),
    "anonymous": ("--phases", "examples,fuzzing", "--max-examples", "1"),
}
SHOWN = 4000
ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
RIGHTS = sorted({route.right for route in ROUTES if route.right})
# What the farm owns, and what happened there.
OWNED = """
SELECT table_name FROM information_schema.columns
 WHERE table_schema = 'public' AND column_name = 'organization_id' ORDER BY table_name
"""


def read_farm(db: Database, farm: Organization) -> list[Any]:
    """A hash of every row that names the farm."""
    with db.connect() as connection:
        tables = [name for (name,) in connection.execute(OWNED)]
        query = " UNION ALL ".join(
            f"SELECT '{name}', md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t"
            f" WHERE organization_id = {farm.pk}"
            for name in tables
        )
        return connection.execute(query.encode()).fetchall()


def find_things(organization: Organization, model: Any) -> dict[str, dict[str, str]]:
    """A real thing of the caller's own for most addresses."""
    made = make_stand(organization, model, name="mill")
    fund_wallet(organization)
    key = keys.issue_key(organization=organization, name="mill", actor=audit.SYSTEM, now=NOW)
    token = agent_tokens.issue_agent_token(
        organization=organization, name="spare", actor=audit.SYSTEM, now=NOW
    )
    colleague = make_user(organization, Role.MEMBER, "miller")
    body = {"model": "small", "messages": [{"role": "user", "content": "Why?"}]}
    uid = jobs.submit_job(
        organization=organization,
        api_key=key.key,
        body=json.dumps(body).encode(),
        now=Job.objects.latest("id").submitted_at,
        store=blobs.open_store(),
    ).uid
    one = {"path.uid": str(made.offer.uid)}
    things = {
        f"/api/offers/{{uid}}{part}": one for part in ("", "/cards", "/quote", "/serving", "/live", "/pause")
    }
    things |= {"/api/offers/{uid}/cards/{number}": one | {"path.number": "1"}}
    things |= {"/api/sites/{uid}": {"path.uid": str(made.site.uid)}}
    things |= {
        f"/api/nodes/{{uid}}{part}": {"path.uid": str(made.node.uid)}
        for part in ("", "/drain", "/resume", "/upstream", "/enrolments")
    }
    things |= {f"/api/keys/{{uid}}{part}": {"path.uid": str(key.key.uid)} for part in ("", "/limit")}
    things |= {"/api/agent-tokens/{uid}": {"path.uid": str(token.agent_token.uid)}}
    things |= {f"/api/jobs/{{uid}}{part}": {"path.uid": str(uid)} for part in ("", "/cancel", "/receipt")}
    named = {"path.organization": str(organization.uid)}
    things |= {f"/api/organizations/{{organization}}{part}": named for part in ("", "/members")}
    things["/api/organizations/{organization}/members/{uid}"] = named | {"path.uid": str(colleague.uid)}
    money = {"path.purpose": "WALLET", "path.currency": "USD"}
    things |= {f"/api/accounts/{{purpose}}/{{currency}}{part}": money for part in ("", "/entries")}
    things |= {f"/api/wallets/{{currency}}{part}": {"path.currency": "USD"} for part in ("", "/statement")}
    return things | {"/api/models/{slug}": {"path.slug": "small"}}


@pytest.mark.parametrize("who", EFFORTS)
def test_nothing_invented_surprises_the_server(
    db: Database,
    full_estate: Farm,  # noqa: F811
    stranger: Organization,
    stripe_stand_in: StripeStandIn,
    tmp_path: Path,
    who: str,
) -> None:
    things = find_things(stranger, full_estate.stand.offer.model)
    deposits.add_addresses(addresses=[ADDRESS], actor=audit.SYSTEM, now=NOW)
    owner = make_user(stranger, Role.OWNER, "miller-in-chief")
    text = keys.issue_key(organization=stranger, name="program", actor=audit.SYSTEM, now=NOW).text
    headers: dict[str, Callable[[], list[str]]] = {
        "owner": lambda: rest.list_headers(sign_in(owner), stranger),
        "key": lambda: [f"Authorization: Bearer {text}"],
        "operator": lambda: rest.list_headers(use_second_factor(make_operator(*RIGHTS))),
        "anonymous": list,
    }
    options = [option for header in headers[who]() for option in ("--header", header)]
    before = read_farm(db, full_estate.organization)
    file = rest.write_settings(tmp_path, things)

    with rest.serve(db, tmp_path, stripe_url=stripe_stand_in.url) as server:
        done = rest.run_schemathesis(
            server,
            file,
            *options,
            *EFFORTS[who],
            *("--seed", str(SEED), "--checks", "all", "--workers", "2", "--no-shrink"),
            *("--continue-on-failure", "--warnings", "off", "--no-color"),
        )

    report = tmp_path / "report.txt"
    report.write_text(done.stdout + done.stderr, encoding="utf-8")
    assert done.returncode == 0, f"{done.stdout[-SHOWN:]}\nThe whole report is in {report}"
    assert verification.verify() == []
    # An operator's work is others' things; nobody else changes any of them.
    assert who == "operator" or read_farm(db, full_estate.organization) == before
