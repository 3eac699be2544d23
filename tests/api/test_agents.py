"""What agents ask over REST: a token for a code, and what their node would earn."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.wsgi import get_wsgi_application

from agent import cli
from tests.api.conftest import Farm, make_client, sign_in, use_key
from workers import enrolments
from workers.models import NodeToken

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def request_for(code: str) -> dict[str, str]:
    signature = KEY.sign(enrolments.DOMAIN_TAG + code.encode())
    public_key = KEY.public_key().public_bytes_raw()
    return {
        "code": code,
        "public_key": b64encode(public_key).decode(),
        "signature": b64encode(signature).decode(),
    }


def make_code(estate: Farm, **headers: Any) -> Any:
    client = sign_in(estate.owner)
    return client.post(f"/api/nodes/{estate.stand.node.uid}/enrolments", format="json", **headers).json()


def enrol(body: Any) -> Any:
    return make_client().post("/api/agents/enrol", body, format="json")


def test_a_code_is_exchanged_and_the_token_shows_what_it_would_earn(estate: Farm) -> None:
    answer = enrol(request_for(make_code(estate)["code"]))

    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["name"], told["organization"]) == ("rack", estate.organization.name)
    assert told["relay"].startswith("http")
    seen = use_key(told["token"]).get("/api/agent").json()
    assert (seen["node"], seen["state"], seen["protocols"]) == (told["node"], "ACTIVE", [1, 2])
    assert datetime.fromisoformat(seen["now"]).tzinfo is not None
    (offer,) = seen["offers"]
    price, earned = Decimal(offer["card"]["output_price"]), Decimal(offer["earning"]["per_million_output"])
    # Five of a hundred are the platform's.
    assert earned == (price * 1_000_000 * Decimal("0.95")).quantize(Decimal("1e-9")).normalize()
    assert Decimal(offer["earning"]["per_busy_hour"]) > 0
    assert offer["card"]["breakdown"]["lines"]


def test_a_code_is_shown_once_also_in_a_repeat(estate: Farm) -> None:
    first = make_code(estate, HTTP_IDEMPOTENCY_KEY="one")
    again = make_code(estate, HTTP_IDEMPOTENCY_KEY="one")

    assert first["code"].startswith("JPE-")
    assert again == first | {"code": None}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ("no object", 400),
        ({"code": "x", "public_key": 7, "signature": None}, 400),
        (request_for("JPE-AAAAA-AAAAA-AAAAA-AAAAA-AAAAA"), 401),
        (request_for("JPE-AAAAA") | {"code": "JPE-BBBBB"}, 422),
    ],
)
def test_what_is_no_code_is_refused_as_a_problem(estate: Farm, body: Any, status: int) -> None:
    answer = enrol(body)

    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"


def test_only_an_agents_token_reads_the_agents_view(estate: Farm) -> None:
    for client in (make_client(), sign_in(estate.owner), use_key(estate.key.text)):
        assert client.get("/api/agent").status_code == 401


def test_a_token_of_no_node_or_one_that_ended_sees_nothing(estate: Farm, now: datetime) -> None:
    token = enrol(request_for(make_code(estate)["code"])).json()["token"]
    NodeToken.objects.filter(node=estate.stand.node, ends_at=None).update(ends_at=now)

    assert use_key(token).get("/api/agent").status_code == 404


@pytest.fixture
def web() -> Iterator[str]:
    """The web side on a socket of its own, as the agent finds it."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args: Any) -> None:
            return

    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_agents_own_commands_speak_with_it(
    estate: Farm, web: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, state = make_code(estate)["code"], ("--state", str(tmp_path))

    assert cli.main(["enroll", code.lower(), "--market", web, *state]) == 0
    assert cli.main(["enroll", code, "--market", web, *state]) == 9
    capsys.readouterr()
    # Neither a model server nor a relay is there: it says so, and shows what it learned all the same.
    assert cli.main(["check", "--json", "--upstream", "http://127.0.0.1:9/v1", *state]) == 8

    report = json.loads(capsys.readouterr().out)
    assert report["market"]["node"] == str(estate.stand.node.uid)
    assert abs(report["clock_offset_seconds"]) < 5
    assert [each.split()[1] for each in report["problems"]] == ["model", "relay"]
    assert report["market"]["offers"][0]["earning"]["currency"] == "USD"
