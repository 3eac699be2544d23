"""The agent's commands, as a person or a program at the machine runs them."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent import cli, enrolment, receipts, running, settings, status
from agent.exits import Exit

TOKEN = "jp_node_" + "a" * 36
CODE = "JPE-AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
LINE = {
    "line": "electricity",
    "per_million_tokens": {"input": "0.01", "cached_input": "0", "output": "0.031"},
    "per_chip_second": "0.000001",
}
OFFER = {
    "uid": "0190",
    "model": "small",
    "upstream_model": "simulated-small",
    "unit": "TOKEN",
    "state": "LIVE",
    "slots": 4,
    "card": {"currency": "USD", "breakdown": {"lines": [LINE]}},
    "earning": {
        "currency": "USD",
        "per_million_input": "0.05",
        "per_million_cached_input": "0.01",
        "per_million_output": "0.19",
        "per_chip_hour": "0",
        "per_busy_hour": "0.041",
        "tokens_per_second": "60",
    },
}


class Market:
    """An exchange and a model server in one: what it answers, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, Any]] = []
        self.answers: dict[str, tuple[int, Any]] = {
            "/healthz": (200, {"status": "ok"}),
            "/v1/models": (200, {"data": [{"id": "simulated-small"}]}),
        }
        self.skew = timedelta(0)
        self.url = ""

    def describe(self, **changed: Any) -> None:
        """Set what the exchange says of the agent's node."""
        node = {
            "node": "0190",
            "name": "rack",
            "state": "ACTIVE",
            "site": "Dam",
            "organization": "Farm",
            "chips": 1,
            "relay": self.url,
            "protocols": [1, 2],
            "offers": [OFFER],
        }
        self.answers["/api/agent"] = (200, node | changed)


@pytest.fixture
def market() -> Iterator[Market]:
    """One that answers on a port of its own."""
    told = Market()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            told.asked.append((self.path, self.headers.get("authorization"), body))
            status, content = told.answers.get(self.path, (404, {"detail": "nothing here"}))
            if self.path == "/api/agent" and status == 200:
                content = content | {"now": (datetime.now(UTC) + told.skew).isoformat()}
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _answer  # noqa: N815 - as the base class calls them

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    told.describe()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def enrol(market: Market, state: Path, *options: str) -> int:
    answer = {"token": TOKEN, "node": "0190", "name": "rack", "organization": "Farm", "relay": market.url}
    market.answers.setdefault("/api/agents/enrol", (201, answer))
    return cli.main(["enroll", CODE, "--market", market.url, "--state", str(state), *options])


def check(market: Market, state: Path, *options: str) -> int:
    arguments = ["check", "--state", str(state), "--upstream", f"{market.url}/v1", "--energy", "declared"]
    return cli.main([*arguments, *options])


def test_enrols_with_a_key_of_its_own_and_then_needs_no_token(market: Market, tmp_path: Path) -> None:
    state = tmp_path / "state"

    assert enrol(market, state) == Exit.DRAINED

    ((_, _, sent),) = market.asked
    read = settings.read_settings(
        ["--upstream", "http://127.0.0.1:1/v1", "--state", str(state)], environment={}
    )
    identity = receipts.load_identity(state=state, name=read.key_name)
    assert (read.token, read.exchange) == (TOKEN, market.url)
    assert read.market == market.url.replace("http", "ws") + "/agent"
    assert b64decode(sent["public_key"]) == identity.public
    signed = enrolment.DOMAIN_TAG + CODE.encode()
    Ed25519PublicKey.from_public_bytes(identity.public).verify(b64decode(sent["signature"]), signed)
    for file in state.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_enrolling_again_makes_another_key_and_a_refusal_changes_nothing(
    market: Market, tmp_path: Path
) -> None:
    enrol(market, tmp_path)
    first = enrolment.read_enrolled(state=tmp_path)
    market.answers["/api/agents/enrol"] = (401, {"detail": "This enrolment code is not valid."})

    assert enrol(market, tmp_path) == Exit.ENROLMENT_REFUSED
    assert enrolment.read_enrolled(state=tmp_path) == first
    assert len(list(tmp_path.glob("*.key"))) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((503, {"detail": "away"}), Exit.MARKET_UNREACHABLE),
        ((404, {"detail": "nothing here"}), Exit.MARKET_UNREACHABLE),
        ((200, ["no exchange"]), Exit.MARKET_UNREACHABLE),
        ((422, {"detail": "bad code"}), Exit.ENROLMENT_REFUSED),
    ],
)
def test_says_by_its_exit_code_why_it_could_not_enrol(
    market: Market, tmp_path: Path, answer: tuple[int, Any], code: Exit
) -> None:
    market.answers["/api/agents/enrol"] = answer

    assert enrol(market, tmp_path) == code
    assert list(tmp_path.iterdir()) == []


def test_a_config_that_others_may_read_is_refused(
    market: Market, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol(market, tmp_path)
    (tmp_path / enrolment.CONFIG_FILE).chmod(0o644)

    assert check(market, tmp_path) == Exit.OPTIONS
    assert "chmod 600" in capsys.readouterr().err


def test_check_shows_what_would_be_offered_and_earned_line_by_line(
    market: Market, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    enrol(market, tmp_path)
    capsys.readouterr()

    assert check(market, tmp_path) == Exit.DRAINED

    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    for text in (
        "simulated-small",
        "M0",
        "rack of Farm at Dam",
        "electricity",
        "0.031 USD",
        "0.19 USD",
        "ready",
    ):
        assert text in shown, text
    assert "0.041 USD per busy hour, at 60 tokens a second" in shown
    assert ("/api/agent", f"Bearer {TOKEN}", None) in market.asked


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"state": "DRAINING"}, "the node is draining"),
        ({"offers": []}, "no offer is served"),
        ({"offers": [OFFER | {"upstream_model": "other"}]}, "has no other"),
        ({"offers": [OFFER | {"card": None, "earning": None}]}, "no price card"),
        ({"protocols": [3, 4]}, "update the agent"),
    ],
)
def test_check_names_what_is_wrong(
    market: Market,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, Any],
    problem: str,
) -> None:
    enrol(market, tmp_path)
    market.describe(**changed)
    capsys.readouterr()

    assert check(market, tmp_path, "--json") == Exit.PROBLEMS

    report = json.loads(capsys.readouterr().out)
    assert any(problem in each for each in report["problems"]), report["problems"]
    assert report["energy"]["level"] == "M0"


def test_check_notices_a_wrong_clock_a_silent_server_and_a_refused_token(
    market: Market, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol(market, tmp_path)
    market.skew = timedelta(minutes=-2)
    market.answers["/v1/models"] = (500, {})
    capsys.readouterr()
    check(market, tmp_path, "--json")
    report = json.loads(capsys.readouterr().out)

    assert report["clock_offset_seconds"] == pytest.approx(120, abs=2)
    assert any("the clock is off by 120 s" in each for each in report["problems"])
    assert any("does not answer" in each for each in report["problems"])
    market.answers["/api/agent"] = (401, {"detail": "not valid"})
    assert check(market, tmp_path) == Exit.PROBLEMS
    assert "refuses the token" in capsys.readouterr().out


def test_status_without_an_agent_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--state", str(tmp_path), "--json"]) == Exit.NOT_RUNNING
    assert json.loads(capsys.readouterr().out)["state"] == "not running"


def write_status(folder: Path, **changed: Any) -> None:
    told = {
        "written_at": datetime.now(UTC).isoformat(),
        "started_at": "2030-01-15T12:00:00+00:00",
        "pid": 7,
        "version": "0.2.0",
        "state": "connected",
        "relay": "wss://relay.example/agent",
        "node": "0190",
        "epoch": 3,
        "protocol": 2,
        "jobs": {"running": 1, "slots": 4, "done": 12},
        "models": ["small"],
        "receipts": {"waiting": 2, "journal_bytes": 40960, "problem": None},
        "energy": {"tier": "counter", "level": "M2", "sources": ["nvml-energy", "rapl"], "lost": []},
    }
    (folder / status.STATUS_FILE).write_text(json.dumps(told | changed))


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({}, Exit.DRAINED, "nvml-energy, rapl  (counter, M2)"),
        ({"state": "connecting", "epoch": None, "protocol": None}, Exit.PROBLEMS, "connecting"),
        ({"models": []}, Exit.PROBLEMS, "the model server does not answer"),
        (
            {"receipts": {"waiting": 9, "journal_bytes": 1, "problem": "the journal is full"}},
            Exit.PROBLEMS,
            "no new jobs are taken: the journal is full",
        ),
        ({"written_at": "2020-01-15T12:00:00+00:00"}, Exit.NOT_RUNNING, "no agent runs"),
    ],
)
def test_status_shows_what_the_agent_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], code: Exit, said: str
) -> None:
    write_status(tmp_path, **changed)

    assert cli.main(["status", "--state", str(tmp_path)]) == code
    assert said in capsys.readouterr().out


def test_the_lock_goes_from_one_process_to_the_next(tmp_path: Path) -> None:
    with running.hold(state=tmp_path, takeover=False) as first:
        assert first is None
        with pytest.raises(receipts.StateUnusable, match="--takeover"):
            running.hold(state=tmp_path, takeover=False).__enter__()
        following = running.hold(state=tmp_path, takeover=True)
        predecessor = following.__enter__()
        assert predecessor is not None
        assert [predecessor.is_gone] == [False]
        with pytest.raises(receipts.StateUnusable, match="another one is taking over"):
            running.hold(state=tmp_path, takeover=True).__enter__()

    assert predecessor.is_gone
    assert (tmp_path / running.LOCK_FILE).read_text().strip().isdecimal()
    following.__exit__(None, None, None)


def test_the_unit_names_the_program_and_is_shut_tight(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["unit"]) == Exit.DRAINED

    unit = capsys.readouterr().out
    assert "@PROGRAM@" not in unit
    for wanted in (
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "MemoryMax=",
        "NoNewPrivileges=yes",
        "--takeover",
    ):
        assert wanted in unit
