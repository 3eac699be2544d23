"""What operators do by REST: it is done once, under their name, and stays done."""

import psycopg
import pytest

from accounts.models import AuditEvent
from billing.tasks import post_charges
from tests.api.conftest import Farm, make_operator, use_second_factor
from tests.databases import Database
from workers.models import FlagResolution

RIGHTS = ("workers.view_meterflag", "workers.add_flagresolution", "billing.change_chargequarantine")


def test_a_flag_is_resolved_once_and_for_good(db: Database, full_estate: Farm) -> None:
    operator = make_operator(*RIGHTS)
    client = use_second_factor(operator)
    path = f"/api/operator/flags/{full_estate.flag}/resolve"

    first = client.post(path, {"note": "A clock that ran fast."}, format="json")
    again = client.post(path, {"note": "No, slow."}, format="json")

    assert first.json()["resolution"]["note"] == "A clock that ran fast."
    assert (again.status_code, again.json()["code"]) == (409, "flag_resolved")
    assert client.get("/api/operator/flags?resolved=false").json()["results"] == []
    assert len(client.get("/api/operator/flags?resolved=true").json()["results"]) == 1
    assert AuditEvent.objects.get(action="flag.resolve").actor_uid == operator.uid
    for harm in (
        "UPDATE flag_resolution SET note = 'x'",
        "DELETE FROM flag_resolution",
        "TRUNCATE flag_resolution",
    ):
        with psycopg.connect(db.owner_dsn) as owner, pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute(harm.encode())
    assert FlagResolution.objects.get().note == "A clock that ran fast."


def test_a_requeued_charge_is_posted_under_the_operators_name(db: Database, full_estate: Farm) -> None:
    operator = make_operator(*RIGHTS)
    client = use_second_factor(operator)
    path = f"/api/operator/quarantine/{full_estate.quarantined}/requeue"

    assert client.post(path).json() == {"usage_id": full_estate.quarantined}
    post_charges()

    assert client.post(path).status_code == 404
    assert AuditEvent.objects.get(action="charge.requeue").actor_uid == operator.uid
    (used,) = use_second_factor(full_estate.owner).get("/api/usage").json()["results"]
    assert used["records"][0]["posted"] is True
