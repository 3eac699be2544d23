"""A repeat with the same Idempotency-Key gets the first answer; secrets are shown once."""

import threading
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from accounts import audit, replays
from accounts.models import ApiKey, ApiReplay, KeyMode, Organization, Role
from billing import spending_keys
from marketplace.models import Job, Site
from tests.api.bodies import CHAT, SITE
from tests.api.conftest import Farm, make_user, sign_in, use_key
from tests.billing import exchange
from tests.databases import Database

CROWD = 64


def post(client: Any, path: str, body: Any, key: str | None = "once") -> Any:
    headers = {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key}
    return client.post(path, body, format="json", **headers)


def test_repeats_the_first_answer_byte_for_byte(estate: Farm) -> None:
    client = sign_in(estate.owner)

    first, again = post(client, "/api/sites", SITE), post(client, "/api/sites", SITE)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (first.get("Idempotent-Replayed"), again.get("Idempotent-Replayed")) == (None, "true")
    assert Site.objects.filter(name="Hill").count() == 1


def test_shows_a_key_once_and_names_it_in_the_repeat(estate: Farm) -> None:
    client = sign_in(estate.owner)

    first = post(client, "/api/keys", {"name": "new"}).json()
    again = post(client, "/api/keys", {"name": "new"}).json()

    assert first["secret"].startswith("jp_live_")
    assert again == first | {"secret": None}
    assert ApiKey.objects.filter(name="new").count() == 1
    assert first["secret"].encode() not in b"".join(bytes(row.body) for row in ApiReplay.objects.all())


def test_refuses_the_same_key_for_something_else(estate: Farm) -> None:
    client = sign_in(estate.owner)
    post(client, "/api/keys", {"name": "new"})

    other_body = post(client, "/api/keys", {"name": "newer"})
    other_path = post(client, "/api/agent-tokens", {"name": "new"})

    assert (other_body.status_code, other_body.json()["code"]) == (422, "idempotency_key_reused")
    assert (other_path.status_code, other_path.json()["code"]) == (422, "idempotency_key_reused")


def test_a_trial_takes_no_key_from_the_real_one(estate: Farm, db: Database, now: datetime) -> None:
    with db.connect() as app:
        exchange.make_seller(app, "Trial", currency="XTS", simulated=True, slug="simulated")
    issued = spending_keys.issue_key(
        organization=estate.organization, name="trial", mode=KeyMode.TEST, actor=audit.SYSTEM, now=now
    )
    trial, real = use_key(issued.text), use_key(estate.key.text)
    key = "k" * 255

    first = post(trial, "/api/jobs", {"request": CHAT | {"model": "simulated"}}, key)
    others = [post(real, "/api/jobs", {"request": CHAT}, key) for _ in range(2)]
    again = post(trial, "/api/jobs", {"request": CHAT | {"model": "simulated"}}, key)

    assert [answer.status_code for answer in (first, *others, again)] == [202] * 4
    assert first.content == again.content
    assert others[0].content == others[1].content
    assert first.json()["uid"] != others[0].json()["uid"]


@pytest.mark.parametrize("key", ["k" * 256, "\t"])
def test_refuses_keys_that_are_none(estate: Farm, key: str) -> None:
    answer = post(sign_in(estate.owner), "/api/keys", {"name": "new"}, key)

    assert answer.json()["code"] == "invalid_idempotency_key"


def test_forgets_the_key_of_a_refused_request(estate: Farm) -> None:
    client = use_key(estate.key.text)
    refused = post(client, "/api/jobs", {"request": CHAT | {"model": "absent"}})
    assert refused.status_code == 404
    assert not ApiReplay.objects.exists()

    assert post(client, "/api/jobs", {"request": CHAT}).status_code == 202


def test_repeats_a_job_without_holding_money_twice(estate: Farm) -> None:
    client = use_key(estate.key.text)
    jobs_before = Job.objects.count()

    answers = {post(client, "/api/jobs", {"request": CHAT}).content for _ in range(3)}

    assert len(answers) == 1
    assert Job.objects.count() == jobs_before + 1


def test_answers_a_repeat_with_the_job_after_its_first_answer_was_forgotten(estate: Farm) -> None:
    client = use_key(estate.key.text)
    first = post(client, "/api/jobs", {"request": CHAT}).json()
    ApiReplay.objects.all().delete()

    again = post(client, "/api/jobs", {"request": CHAT})

    assert (again.status_code, again.json()["uid"]) == (202, first["uid"])


@pytest.mark.race
def test_does_it_once_when_asked_twice_at_once(estate: Farm) -> None:
    statuses = []

    def ask() -> None:
        statuses.append(post(sign_in(estate.owner), "/api/sites", SITE).status_code)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert Site.objects.filter(name="Hill").count() == 1


@pytest.mark.race
def test_does_it_once_when_a_crowd_asks_at_once(estate: Farm) -> None:
    user, gate = estate.owner, threading.Barrier(CROWD)
    statuses: list[int] = []

    def ask() -> None:
        client = sign_in(user)
        gate.wait(30)
        statuses.append(post(client, "/api/sites", SITE).status_code)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Whoever waited too long is told to ask again.
    assert len(statuses) == CROWD
    assert set(statuses) <= {201, 409}
    assert Site.objects.filter(name="Hill").count() == 1
    assert post(sign_in(user), "/api/sites", SITE)["Idempotent-Replayed"] == "true"


def test_founds_an_organization_once_for_a_person(db: Database) -> None:
    client = sign_in(make_user(None, Role.MEMBER, "founder"))
    other = sign_in(make_user(None, Role.MEMBER, "other"))
    wanted = {"name": "New", "country": "SE"}

    first, again = (post(client, "/api/organizations", wanted) for _ in range(2))

    assert again.content == first.content
    assert Organization.objects.filter(name="New").count() == 1
    assert post(other, "/api/organizations", wanted).json()["uid"] != first.json()["uid"]
    assert post(client, "/api/organizations", wanted | {"name": "Newer"}).status_code == 422


def test_forgets_old_answers(estate: Farm) -> None:
    post(sign_in(estate.owner), "/api/keys", {"name": "new"})
    row = ApiReplay.objects.get()

    assert replays.forget_replays(now=row.created_at) == 0
    assert replays.forget_replays(now=row.created_at + 2 * replays.KEPT) == 1
