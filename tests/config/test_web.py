"""What the control plane answers before any feature: health, request ids, content policy, clean logs."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client, override_settings

from accounts.models import User
from config.logs import blank_private_fields
from config.serve import Receive, Scope, Send, divide
from tests.databases import Database
from tests.signing_in import sign_in_operator


@pytest.fixture
def browser() -> Client:
    return Client(headers={"host": "localhost"})


def test_ready_when_everything_answers(db: Database, redis_url: str, browser: Client) -> None:
    answer = browser.get("/readyz")

    assert answer.status_code == 200
    checks = answer.json()["checks"]
    assert {name: checks[name] for name in ("postgresql", "migrations", "redis")} == dict.fromkeys(
        ("postgresql", "migrations", "redis"), "ok"
    )


@override_settings(REDIS_URL="redis://127.0.0.1:1/0")
def test_unready_without_redis_and_says_which(db: Database, browser: Client) -> None:
    answer = browser.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"] == "failed"


def test_alive_without_anything(browser: Client) -> None:
    assert browser.get("/healthz").status_code == 200


def test_keeps_a_harmless_request_id(browser: Client) -> None:
    assert browser.get("/healthz", headers={"x-request-id": "abc-1"})["x-request-id"] == "abc-1"


def test_replaces_a_request_id_that_could_forge_a_log_line(browser: Client) -> None:
    answer = browser.get("/healthz", headers={"x-request-id": 'a"\n{"level":"error"}'})

    assert len(answer["x-request-id"]) == 32


def test_our_own_pages_run_no_inline_scripts(browser: Client) -> None:
    assert "unsafe" not in browser.get("/healthz")["content-security-policy"]


def test_the_admin_may_run_its_own_inline_scripts(db: Database) -> None:
    operator = User.objects.create_superuser("operator@example.org", "a long password")

    answer = sign_in_operator(operator).get("/admin/")

    assert answer.status_code == 200
    assert "'unsafe-eval'" in answer["content-security-policy"]
    assert "frame-ancestors 'none'" in answer["content-security-policy"]


def test_logs_hold_neither_prompts_nor_keys() -> None:
    key = "jp_live_" + "a" * 36
    event = blank_private_fields(
        None, "info", {"event": f"refused {key}", "prompt": "my diary", "job_id": "7"}
    )

    assert event == {"event": "refused [not logged]", "prompt": "[not logged]", "job_id": "7"}


@pytest.mark.parametrize(
    ("path", "goes_to"),
    [
        ("/v1/chat/completions", "gateway"),
        ("/healthz", "gateway"),
        ("/readyz", "web"),
        ("/v1x", "web"),
        ("/", "web"),
    ],
)
async def test_one_port_serves_both_planes(path: str, goes_to: str) -> None:
    reached = []

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append("gateway")

    async def web(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append("web")

    async def receive() -> Mapping[str, Any]:
        return {}

    async def send(message: Mapping[str, Any]) -> None:
        raise AssertionError(message)

    await divide(gateway=gateway, web=web)({"type": "http", "path": path}, receive, send)

    assert reached == [goes_to]
