"""Budgets: projects, limits of keys, members and projects, and test money."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError

from accounts.models import Membership, Role
from billing import periods
from billing.models import Entry
from tests.api.bodies import CHAT
from tests.api.conftest import Farm, make_limit, make_user, sign_in, use_key


def limit_key(farm: Farm, **changes: Any) -> dict[str, Any]:
    """The body of a limit of the farm's key."""
    body = {"kind": "KEY", "subject": str(farm.key.key.uid), "period": "DAILY", "amount": "3"}
    return {**body, "currency": "USD", **changes}


def test_a_limit_says_what_is_left_and_when_it_resets(estate: Farm, now: Any) -> None:
    client = sign_in(estate.owner)

    made = client.post("/api/limits", limit_key(estate), format="json").json()

    starts, resets = (find("DAILY", now=now) for find in (periods.find_start, periods.find_end))
    assert made == {
        "uid": made["uid"],
        "kind": "KEY",
        "subject": str(estate.key.key.uid),
        "name": "farm",
        "period": "DAILY",
        "amount": "3",
        "spent": "0",
        "held": "0",
        "available": "3",
        "currency": "USD",
        "starts_at": f"{starts:%Y-%m-%dT%H:%M:%SZ}",
        "resets_at": f"{resets:%Y-%m-%dT%H:%M:%SZ}",
        "created_at": made["created_at"],
    }
    use_key(estate.key.text).post("/api/jobs", {"request": CHAT}, format="json")
    held = Decimal(client.get(f"/api/limits/{made['uid']}").json()["held"])
    assert held > 0
    changed = client.patch(f"/api/limits/{made['uid']}", {"amount": "1"}, format="json").json()
    assert Decimal(changed["available"]) == 1 - held
    assert client.get(f"/api/keys/{estate.key.key.uid}").json()["limits"][0]["uid"] == made["uid"]


def test_a_limit_that_refuses_is_named_in_the_problem(estate: Farm) -> None:
    client = sign_in(estate.owner)
    project, _ = make_limit(estate.organization)
    uid = client.get("/api/limits").json()["results"][0]["uid"]
    client.patch(f"/api/limits/{uid}", {"amount": "0"}, format="json")
    moved = client.put(f"/api/keys/{estate.key.key.uid}/project", {"project": project.uid}, format="json")

    refused = use_key(estate.key.text).post("/api/jobs", {"request": CHAT}, format="json")

    assert moved.json() == {"project": str(project.uid)}
    assert (refused.status_code, refused.json()["code"]) == (403, "project_limit_exceeded")
    scope = refused.json()["scope"]
    assert (scope["kind"], scope["period"], scope["available"]) == ("project", "monthly", "0")


def test_a_limit_is_made_once_for_an_idempotency_key(estate: Farm) -> None:
    client = sign_in(estate.owner)

    def post(amount: str, key: str) -> Any:
        body = limit_key(estate, amount=amount)
        return client.post("/api/limits", body, format="json", HTTP_IDEMPOTENCY_KEY=key)

    first, again = post("3", "once"), post("3", "once")

    assert again.content == first.content
    assert post("3", "other").json()["code"] == "limit_exists"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": "-1"}, 400, "invalid"),
        ({"amount": 1}, 400, "invalid"),
        ({"period": "HOURLY"}, 400, "invalid"),
        ({"kind": "WALLET"}, 400, "invalid"),
        ({"currency": "XXX"}, 422, "invalid_limit"),
        ({"currency": "XTS"}, 422, "invalid_limit"),
        ({"kind": "PROJECT"}, 404, "not_found"),
    ],
)
def test_refuses_limits_that_cannot_be(estate: Farm, changes: dict[str, Any], status: int, code: str) -> None:
    answer = sign_in(estate.owner).post("/api/limits", limit_key(estate, **changes), format="json")

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content


def test_limits_are_narrowed_by_kind_period_and_currency(estate: Farm) -> None:
    client = sign_in(estate.owner)
    make_limit(estate.organization)
    client.post("/api/limits", limit_key(estate), format="json")

    def count(query: str) -> int:
        return len(client.get(f"/api/limits?{query}").json()["results"])

    assert [count(query) for query in ("kind=KEY", "kind=PROJECT", "kind=MEMBER")] == [1, 1, 0]
    assert [count(query) for query in ("period=DAILY", "currency=USD", "currency=CNY")] == [1, 2, 0]
    assert client.get("/api/limits?kind=wallet").status_code == 422


def test_a_member_and_a_new_key_join_a_project(estate: Farm) -> None:
    client = sign_in(estate.owner)
    project = client.post("/api/projects", {"name": "night"}, format="json").json()
    people = f"/api/organizations/{estate.organization.uid}/members"

    moved = client.put(f"{people}/{estate.owner.uid}/project", {"project": project["uid"]}, format="json")
    made = client.post("/api/keys", {"name": "new", "project": project["uid"]}, format="json")

    assert (moved.status_code, made.status_code) == (200, 201)
    assert made.json()["project"] == project["uid"]
    found = [client.get(f"{path}?project={project['uid']}").json() for path in ("/api/keys", people)]
    assert [len(page["results"]) for page in found] == [1, 1]
    assert found[1]["results"][0]["project"] == project["uid"]


def test_only_who_moves_money_makes_keys_that_spend_in_a_project(estate: Farm) -> None:
    admin = sign_in(make_user(estate.organization, Role.ADMIN, "admin"))
    project, _ = make_limit(estate.organization)

    refused = admin.post("/api/keys", {"name": "new", "project": project.uid}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert admin.post("/api/keys", {"name": "new"}, format="json").status_code == 201


def test_a_project_in_use_is_not_archived(estate: Farm) -> None:
    client = sign_in(estate.owner)
    project = client.post("/api/projects", {"name": "night"}, format="json").json()
    assert client.post("/api/projects", {"name": "night"}, format="json").json()["code"] == "project_exists"
    address = f"/api/projects/{project['uid']}"
    key = f"/api/keys/{estate.key.key.uid}/project"
    client.put(key, {"project": project["uid"]}, format="json")

    refused = client.post(f"{address}/archive")
    client.put(key, {"project": None}, format="json")
    archived = client.post(f"{address}/archive")

    assert (refused.status_code, refused.json()["code"]) == (409, "project_not_empty")
    assert archived.json()["archived_at"]
    joined = client.put(key, {"project": project["uid"]}, format="json")
    assert (joined.status_code, joined.json()["code"]) == (409, "project_archived")
    assert client.get("/api/projects?archived=false").json()["results"] == []
    # Its name is free again.
    assert client.post("/api/projects", {"name": "night"}, format="json").status_code == 201


def test_a_member_in_a_strangers_project_is_refused_by_the_database(estate: Farm, stranger: Any) -> None:
    project, _ = make_limit(stranger)

    with pytest.raises(IntegrityError):
        Membership.objects.filter(user=estate.owner).update(project=project)


def test_a_test_key_fills_the_test_wallet_to_its_bound(estate: Farm) -> None:
    client = sign_in(estate.owner)
    made = client.post("/api/keys", {"name": "trial", "mode": "TEST"}, format="json").json()
    assert made["secret"].startswith("jp_test_")

    filled = use_key(made["secret"]).post("/api/test-money")

    assert filled.status_code == 201
    assert filled.json() == {"currency": "XTS", "posted": "1000", "held": "0", "available": "1000"}
    assert Entry.objects.filter(kind="TEST_MONEY").count() == 1
    assert [row["currency"] for row in client.get("/api/wallets").json()["results"]] == ["USD", "XTS"]


def test_a_test_key_finds_no_real_model(estate: Farm) -> None:
    client = sign_in(estate.owner)
    made = client.post("/api/keys", {"name": "trial", "mode": "TEST"}, format="json").json()

    refused = use_key(made["secret"]).post("/api/jobs", {"request": CHAT}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")
