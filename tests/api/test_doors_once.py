"""Whatever is made at a door is made once for an Idempotency-Key: every operation that answers 201 or 202."""

import json

from django.db import transaction

from tests.api.conftest import Farm, make_operator, sign_in, use_key, use_second_factor
from tests.api.route import Route
from tests.api.routes import ROUTES
from tests.api.test_access import estate  # noqa: F401

EACH_ANEW = {"reconciliations"}
"""It asks elsewhere how things stand by now, and its description takes no key."""
MAKING = [
    route
    for route in ROUTES
    if route.method == "POST"
    and route.status in (201, 202)
    and not (route.hidden or route.by_agent or route.open_to_all or route.name in EACH_ANEW)
]


def ask_thrice(route: Route, estate: Farm) -> list[tuple[int, str | None]]:  # noqa: F811
    """The same under one key, and then another body; gives status, and whether it was repeated."""
    client = use_key(estate.key.text) if route.by_key else sign_in(estate.owner)
    if route.right:
        client = use_second_factor(make_operator(route.right))
    path, body = route.path(estate), json.dumps(route.body(estate) if route.body else {})
    said = [
        client.post(path, text, content_type="application/json", headers={"Idempotency-Key": "one"})
        for text in (body, body, body + " ")
    ]
    return [(answer.status_code, answer.headers.get("Idempotent-Replayed")) for answer in said]


def test_every_door_makes_one_thing_for_a_key(estate: Farm) -> None:  # noqa: F811
    once = {}
    for route in MAKING:
        with transaction.atomic():
            once[str(route)] = ask_thrice(route, estate)
            transaction.set_rollback(True)

    assert once == {
        str(route): [(route.status, None), (route.status, "true"), (422, None)] for route in MAKING
    }
