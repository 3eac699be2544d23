"""Lists are narrowed, ordered and cut into pages by their address, and refuse what they do not know."""

from typing import Any

import pytest

from accounts import audit, keys
from accounts.models import Role
from tests.api.bodies import SITE
from tests.api.conftest import Farm, make_user, sign_in
from tests.cast import NOW
from tests.databases import Database


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def test_pages_go_both_ways_in_both_orders(estate: Farm) -> None:
    for number in range(4):
        keys.issue_key(organization=estate.organization, name=str(number), actor=audit.SYSTEM, now=NOW)
    client = sign_in(estate.owner)

    oldest = client.get("/api/keys?order=oldest&page_size=2").json()
    following = client.get(oldest["next"]).json()

    assert [row["name"] for row in oldest["results"]] == ["farm", "0"]
    assert [row["name"] for row in following["results"]] == ["1", "2"]
    assert client.get(following["previous"]).json()["results"] == oldest["results"]
    assert names(client.get("/api/keys")) == ["3", "2", "1", "0", "farm"]


def test_filters_narrow_a_list(estate: Farm) -> None:
    client = sign_in(estate.owner)
    key = keys.issue_key(organization=estate.organization, name="old", actor=audit.SYSTEM, now=NOW).key
    keys.revoke_key(key=key, actor=audit.SYSTEM, now=NOW)
    client.post("/api/sites", SITE, format="json")

    assert names(client.get("/api/keys?revoked=true")) == ["old"]
    assert names(client.get("/api/keys?revoked=false")) == ["farm"]
    assert names(client.get("/api/sites?grid_zone=SE1")) == ["Hill"]
    assert client.get("/api/jobs?state=RUNNING").json()["results"] == []
    assert len(client.get(f"/api/jobs?key={estate.key.key.uid}&state=QUEUED").json()["results"]) == 1
    assert [one["slug"] for one in client.get("/api/models?country=CN").json()["results"]] == ["small"]
    assert client.get("/api/models?country=SE").json()["results"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("stat=QUEUED", "invalid_filter"),
        ("state=queued", "invalid_filter"),
        ("state=", "invalid_filter"),
        ("state=QUEUED&state=RUNNING", "invalid_filter"),
        ("since=yesterday", "invalid_filter"),
        ("since=0001-01-01T00:00:00%2B01:00", "invalid_filter"),
        ("key=1", "invalid_filter"),
        ("cursor=nonsense", "invalid_page"),
        ("cursor=cD1hYmM=", "invalid_page"),
        ("page_size=0", "invalid_page"),
        ("order=best", "invalid_page"),
    ],
)
def test_refuses_what_no_list_takes(estate: Farm, query: str, code: str) -> None:
    answer = sign_in(estate.owner).get(f"/api/jobs?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_moment_may_be_told_from_anywhere(estate: Farm) -> None:
    client = sign_in(estate.owner)

    assert client.get("/api/jobs?since=2020-01-01T00:00:00-23:34").json()["results"]
    assert client.get("/api/jobs?until=2020-01-01T00:00:00%2B23:34").json()["results"] == []


def test_a_changed_site_says_what_its_offers_would_cost(estate: Farm) -> None:
    client = sign_in(estate.owner)
    path = f"/api/sites/{estate.stand.site.uid}"
    site = client.get(path).json()
    wanted = {name: value for name, value in site.items() if name not in ("uid", "created_at")}

    answer = client.put(path, wanted | {"energy_price": "0.6"}, format="json").json()

    (one,) = answer["consequences"]
    assert one["offer"] == str(estate.stand.offer.uid)
    assert float(one["next"]["output"]) > float(one["card"]["output"])
    quoted = client.get(f"/api/offers/{estate.stand.offer.uid}/quote").json()
    assert quoted["output_price"] == one["next"]["output"]
    shown = client.get(f"/api/offers/{estate.stand.offer.uid}").json()["card"]
    assert shown["output_price"] == one["card"]["output"], "buyers pay by the card until the next"


def test_movements_of_an_account_add_up_to_its_balance(full_estate: Farm) -> None:
    client = sign_in(full_estate.owner)

    account = client.get("/api/accounts/WALLET/USD").json()
    movements = client.get("/api/accounts/WALLET/USD/entries").json()["results"]

    assert [(row["kind"], row["amount"]) for row in movements] == [("TOPUP", account["balance"])]
    assert {row["purpose"] for row in client.get("/api/accounts").json()["results"]} >= {"WALLET", "PAYABLE"}


def test_usage_and_attempts_tell_both_sides_of_a_job(full_estate: Farm) -> None:
    client = sign_in(full_estate.owner)
    assert full_estate.done is not None

    (used,) = client.get("/api/usage").json()["results"]
    (attempt,) = client.get("/api/attempts?state=RECORDED").json()["results"]

    assert used["job"] == attempt["job"] == str(full_estate.done.uid)
    assert used["records"] == attempt["records"]
    assert used["records"][0]["output_tokens"] == 5
    assert 0 < float(attempt["earned"]) < float(used["cost"])
    receipts = [
        client.get(f"/api/jobs/{used['job']}/receipt"),
        client.get(f"/api/attempts/{attempt['uid']}/receipt"),
    ]
    assert receipts[0].json() == receipts[1].json()
    assert client.get(f"/api/jobs/{full_estate.job.uid}/receipt").json()["code"] == "receipt_missing"


def test_a_member_leaves_and_the_last_owner_stays(db: Database, full_estate: Farm) -> None:
    members = f"/api/organizations/{full_estate.organization.uid}/members"
    owner, colleague = full_estate.owner, full_estate.colleague
    assert colleague is not None

    last = sign_in(owner).delete(f"{members}/{owner.uid}")
    left = sign_in(colleague).delete(f"{members}/{colleague.uid}")

    assert (last.status_code, last.json()["code"]) == (409, "last_owner")
    assert left.status_code == 204
    assert sign_in(colleague).get(members).status_code == 404


def test_an_administrator_makes_and_unmakes_no_owners(full_estate: Farm) -> None:
    admin = sign_in(make_user(full_estate.organization, Role.ADMIN, "admin"))
    members = f"/api/organizations/{full_estate.organization.uid}/members"
    assert full_estate.colleague is not None

    for path, body in (
        (f"{members}/{full_estate.owner.uid}", {"role": "MEMBER"}),
        (f"{members}/{full_estate.colleague.uid}", {"role": "OWNER"}),
    ):
        assert admin.patch(path, body, format="json").status_code == 403
    assert admin.delete(f"{members}/{full_estate.owner.uid}").status_code == 403
