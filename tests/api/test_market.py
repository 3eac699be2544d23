"""From a site to an offer that can be bought, and a job on it, by REST alone."""

import json
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Membership, Role
from marketplace.models import Model
from tests.api.bodies import CHAT, SERVING, SITE
from tests.api.conftest import Farm, make_limit, make_user, sign_in, use_key


def post(client: Any, path: str, body: Any = None, status: int = 201) -> Any:
    answer = client.post(path, body or {}, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_an_offer_comes_into_being_and_ends(estate: Farm) -> None:
    client = sign_in(estate.owner)
    site = post(client, "/api/sites", SITE)
    node = post(
        client,
        "/api/nodes",
        {"site": site["uid"], "name": "new", "chips": 2, "watts_idle": "20", "watts_busy": "90.5"},
    )
    offer = post(
        client,
        "/api/offers",
        {
            "site": site["uid"],
            "model": "small",
            "slots": 2,
            "max_output_default": 64,
            "max_output_cap": 512,
            "serving": SERVING,
            "endpoint": {"node": node["uid"], "upstream_model": "simulated-small"},
        },
    )
    path = f"/api/offers/{offer['uid']}"

    assert node["agent_token"].startswith("jp_node_")
    assert (offer["state"], offer["card"], offer["currency"]) == ("DRAFT", None, "USD")
    assert client.post(f"{path}/live").json()["code"] == "offer_not_priced"
    card = post(client, f"{path}/cards")
    assert Decimal(card["output_price"]) > Decimal(card["input_price"]) > 0
    assert {line["line"] for line in card["breakdown"]["lines"]} >= {"electricity", "margin"}
    live = post(client, f"{path}/live", status=200)
    assert (live["state"], live["card"]["uid"]) == ("LIVE", card["uid"])
    assert live["endpoint"] == {"node": node["uid"], "upstream_model": "simulated-small"}
    (model,) = client.get("/api/models").json()["results"]
    assert offer["uid"] in {one["uid"] for one in model["offers"]}

    assert post(client, f"{path}/withdraw", status=200)["state"] == "WITHDRAWN"
    assert client.post(f"{path}/live").json()["code"] == "offer_withdrawn"
    assert [one["number"] for one in client.get(f"{path}/cards").json()["results"]] == [1]


def test_an_offer_serves_what_its_provider_says_of_what_its_model_can(estate: Farm) -> None:
    client = sign_in(estate.owner)
    body = {
        "site": str(estate.stand.site.uid),
        "model": "small",
        "slots": 2,
        "max_output_default": 64,
        "max_output_cap": 512,
        "serving": SERVING,
        "endpoint": {"node": str(estate.stand.node.uid), "upstream_model": "simulated-small"},
    }

    chats = post(client, "/api/offers", body | {"endpoints": ["chat"]})
    beyond = post(client, "/api/offers", body | {"endpoints": ["embeddings"]}, status=422)
    post(client, "/api/offers", body | {"endpoints": []}, status=400)
    post(client, "/api/offers", body | {"endpoints": ["images"]}, status=400)

    assert chats["endpoints"] == ["chat"]
    assert beyond["code"] == "invalid_offer"
    assert client.get(f"/api/offers/{estate.stand.offer.uid}").json()["endpoints"] == ["chat", "completions"]
    post(client, f"/api/offers/{chats['uid']}/cards")
    post(client, f"/api/offers/{chats['uid']}/live", status=200)
    model = client.get("/api/models/small").json()
    assert model["endpoints"] == ["chat", "completions"]
    offered = {one["uid"]: one["endpoints"] for one in model["offers"]}
    assert offered[chats["uid"]] == ["chat"]
    assert offered[str(estate.stand.offer.uid)] == ["chat", "completions"]


def test_what_nobody_declared_is_taken_from_the_reference_table_and_labelled(estate: Farm) -> None:
    client = sign_in(estate.owner)
    Model.objects.filter(slug="small").update(slug="llama-3.1-70b-instruct")
    undeclared = {name: value for name, value in SERVING.items() if name != "joules_per_output_token"}
    body = {
        "site": str(estate.stand.site.uid),
        "model": "llama-3.1-70b-instruct",
        "slots": 64,
        "max_output_default": 64,
        "max_output_cap": 512,
    }

    neither = post(client, "/api/offers", body | {"serving": undeclared}, status=422)
    chips = {"chip": "nvidia-h100-sxm-80", "chips": 8}
    unknown = post(client, "/api/offers", body | {"serving": undeclared | {"chip": "abacus"}}, status=422)
    offer = post(client, "/api/offers", body | {"serving": undeclared | chips})
    card = post(client, f"/api/offers/{offer['uid']}/cards")

    assert neither["field"] == "joules_per_output_token"
    assert unknown["code"] == "invalid"
    electricity = next(line for line in card["breakdown"]["lines"] if line["line"] == "electricity")
    assert any(source.startswith("reference, not measured here") for source in electricity["sources"])


@pytest.mark.parametrize(
    ("path", "body", "status", "pointer"),
    [
        ("/api/sites", SITE | {"pue": "0.9"}, 400, "/pue"),
        ("/api/sites", SITE | {"energy_price": 0.03}, 400, "/energy_price"),
        ("/api/sites", SITE | {"currency": "XYZ"}, 422, None),
        ("/api/sites", SITE | {"time_zone": "Mars/Olympus"}, 422, None),
        ("/api/sites", {"name": "Hill"}, 400, "/country"),
        ("/api/organizations", {"name": "", "country": "SE"}, 400, "/name"),
        ("/api/keys", {"name": "new", "expires_at": "2020-01-01T00:00:00Z"}, 422, None),
    ],
)
def test_says_what_is_wrong_and_where(
    estate: Farm, path: str, body: Any, status: int, pointer: str | None
) -> None:
    answer = sign_in(estate.owner).post(path, body, format="json")

    problem = answer.json()
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["request_id"]
    if pointer:
        assert pointer in {error["pointer"] for error in problem["errors"]}


def test_takes_nothing_that_it_does_not_name(estate: Farm) -> None:
    made = post(sign_in(estate.owner), "/api/sites", SITE | {"uid": "0" * 32, "organization": 7, "id": 1})

    assert made["uid"] != "0" * 32


def test_refuses_what_is_no_json(estate: Farm) -> None:
    answer = sign_in(estate.owner).post("/api/sites", b"{", content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_jobs_are_submitted_with_a_key(estate: Farm) -> None:
    body = {"request": CHAT}

    answer = sign_in(estate.owner).post("/api/jobs", body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "key_needed")


@pytest.mark.parametrize(
    ("request_body", "status", "code"),
    [
        (CHAT | {"model": "absent"}, 404, "model_not_found"),
        (CHAT | {"stream": True}, 400, "invalid_request"),
        (CHAT | {"max_tokens": 10**9}, 400, "max_tokens_exceeded"),
        (CHAT | {"messages": [{"role": "user", "content": "\ud800"}]}, 422, "invalid"),
        ("no object", 400, "invalid"),
        ([1], 400, "invalid"),
    ],
)
def test_refuses_jobs_that_could_not_run(estate: Farm, request_body: Any, status: int, code: str) -> None:
    body = json.dumps({"request": request_body})
    answer = use_key(estate.key.text).post("/api/jobs", body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content


def test_lists_are_paged_and_filtered(estate: Farm) -> None:
    client = use_key(estate.key.text)
    for _ in range(4):
        post(client, "/api/jobs", {"request": CHAT}, status=202)

    first = client.get("/api/jobs?page_size=3").json()
    second = client.get(first["next"]).json()

    assert [len(first["results"]), len(second["results"])] == [3, 2]
    assert len({job["uid"] for job in first["results"] + second["results"]}) == 5
    assert client.get("/api/jobs?state=SUCCEEDED").json()["results"] == []
    assert client.get("/api/jobs?state=WRONG").status_code == 422


def test_inviting_tells_nobody_which_addresses_have_accounts(estate: Farm) -> None:
    make_user(None, Role.MEMBER, "known")
    client, path = sign_in(estate.owner), f"/api/organizations/{estate.organization.uid}/invitations"

    known, unknown = (
        post(client, path, {"email": f"{name}@example.org", "role": "MEMBER"})
        for name in ("known", "unknown")
    )

    assert known.keys() == unknown.keys()
    assert (known["email"], unknown["email"]) == ("known@example.org", "unknown@example.org")
    assert not Membership.objects.filter(user__email=known["email"]).exists()
    listed = client.get(path).json()["results"]
    assert [one["uid"] for one in listed] == [unknown["uid"], known["uid"]]


def test_people_are_invited_by_those_who_may_appoint_them(estate: Farm) -> None:
    admin = sign_in(make_user(estate.organization, Role.ADMIN, "admin"))
    path = f"/api/organizations/{estate.organization.uid}/invitations"
    wanted = {"email": "newcomer@example.org", "role": "OWNER"}
    project, _ = make_limit(estate.organization)

    assert admin.post(path, wanted, format="json").status_code == 403
    assert (
        admin.post(path, {**wanted, "role": "MEMBER", "project": project.uid}, format="json").status_code
        == 403
    )
    made = post(sign_in(estate.owner), path, {**wanted, "project": str(project.uid)})
    assert made["project"] == str(project.uid)
    assert admin.delete(f"{path}/{made['uid']}").status_code == 403
    member = {"email": estate.owner.email, "role": "MEMBER"}
    assert admin.post(path, member, format="json").json()["code"] == "already_member"
