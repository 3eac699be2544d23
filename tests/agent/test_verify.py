"""What a third party proves of receipts with `jouleport-agent verify`, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from agent import cli, proof, receipts
from agent.exits import Exit
from tests.agent.test_receipts import STATEMENT, open_journal

ROOT = Path(__file__).parents[2]
type Row = dict[str, Any]


def make_rows(state: Path, *, count: int = 4) -> tuple[list[Row], str]:
    """Receipts of one agent as an exchange lists them (the newest first), and its public key."""
    journal, rows = open_journal(state), []
    for number in range(1, count + 1):
        uid = str(UUID(int=number))
        span = timedelta(seconds=number)
        said = replace(
            STATEMENT,
            attempt_uid=uid,
            microjoules=number * 1_000_000,
            started_at=STATEMENT.started_at + span,
            ended_at=STATEMENT.ended_at + span,
        )
        signed = journal.append(said)
        rows.append(
            {
                "attempt": uid,
                "body": b64encode(signed.body).decode(),
                "signature": b64encode(signed.signature).decode(),
                "joules": str(number),
                "tier": "declared",
                "input_tokens": 10,
                "cached_tokens": None,
            }
        )
    journal.close()
    return rows[::-1], receipts.load_identity(state=state).public.hex()


def prove(rows: list[Row], key: str, **options: Any) -> proof.Verdict:
    return proof.verify(proof.find_entries({"results": rows}), keys=proof.read_keys(key), **options)


def test_receipts_in_any_order_are_one_chain(tmp_path: Path) -> None:
    rows, key = make_rows(tmp_path)

    verdict = prove([rows[2], *rows, rows[0]], key)

    assert verdict.deviations == []
    assert [one.attempt_uid for one in verdict.receipts] == [str(UUID(int=number)) for number in range(1, 5)]
    assert sum(one.joules for one in verdict.receipts) == 10


def test_an_answer_comes_with_its_own_receipt(tmp_path: Path) -> None:
    rows, key = make_rows(tmp_path, count=1)
    answers = [
        {"data": {"receipt_id": uid, "receipt": rows[0]}} for uid in (STATEMENT.receipt_uid, str(UUID(int=8)))
    ]

    mine, anothers = (proof.verify(proof.find_entries(one), keys=proof.read_keys(key)) for one in answers)

    assert mine.deviations == []
    assert "receipt_id is given as" in anothers.deviations[0]


def change_body(rows: list[Row], key: str) -> tuple[list[Row], str]:
    body = b64decode(rows[1]["body"]).replace(b'"joules":"3.000000"', b'"joules":"2.000000"')
    return [rows[0], rows[1] | {"body": b64encode(body).decode(), "joules": "2"}, *rows[2:]], key


def beside(name: str, value: Any) -> Callable[[list[Row], str], tuple[list[Row], str]]:
    return lambda rows, key: ([rows[0] | {name: value}, *rows[1:]], key)


# What somebody did to what was signed, and a part of the reason that is told.
HARMS: dict[str, tuple[Callable[[list[Row], str], tuple[list[Row], str]], str]] = {
    "joules in the body": (change_body, "the signature is not of this body"),
    "joules beside it": (beside("joules", "4.001"), "joules are given as 4.001, and signed was 4.000000"),
    "tokens beside it": (beside("input_tokens", 9), "input_tokens is given as 9"),
    "tier beside it": (beside("tier", "counter"), "tier is given as counter"),
    "attempt beside it": (beside("attempt", str(UUID(int=9))), "attempt is given as"),
    "another key": (lambda rows, _: (rows, "00" * 32), "is not the one given"),
    "one left out": (lambda rows, key: ([rows[0], *rows[2:]], key), "which is missing"),
    "another domain": (beside("body", b64encode(b"{}").decode()), "begins with another line"),
    "no base64": (beside("signature", "?"), "not both base64"),
    "another's signature": (
        lambda rows, key: ([rows[0] | {"signature": rows[1]["signature"]}, *rows[1:]], key),
        "the signature is not of this body",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_was_changed_or_left_out_is_told(tmp_path: Path, harm: str) -> None:
    spoil, reason = HARMS[harm]
    rows, key = spoil(*make_rows(tmp_path))

    verdict = prove(rows, key)

    assert reason in " ".join(verdict.deviations)


def test_an_agent_that_begins_again_or_forks_its_chain_is_told(tmp_path: Path) -> None:
    rows, key = make_rows(tmp_path, count=2)
    # The same key with another journal: the chain begins anew, with another receipt of attempt 1.
    (tmp_path / receipts.JOURNAL_FILE).unlink()
    again, _ = make_rows(tmp_path, count=1)
    (tmp_path / receipts.JOURNAL_FILE).unlink()
    journal, head = open_journal(tmp_path), prove(rows[1:], key).receipts[0].digest
    journal._database.execute("UPDATE chain SET head = ?", (head,))
    fork = journal.append(replace(STATEMENT, attempt_uid=str(UUID(int=7))))
    journal.close()
    forked = {"body": b64encode(fork.body).decode(), "signature": b64encode(fork.signature).decode()}

    assert prove(rows + again, key).deviations == []  # the very same receipt, listed twice
    assert "both follow sha256" in " ".join(prove([*rows, forked], key).deviations)
    assert "which is missing" in " ".join(prove([rows[0], forked], key).deviations)


def test_picked_receipts_need_no_chain(tmp_path: Path) -> None:
    rows, key = make_rows(tmp_path)

    assert prove([rows[0], rows[2]], key, chained=False).deviations == []
    assert prove([rows[0], rows[2]], key).deviations != []


def test_the_command_says_what_is_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, key = make_rows(tmp_path)
    listed, keys = tmp_path / "receipts.json", tmp_path / "keys.json"
    listed.write_text(json.dumps({"next": None, "results": rows}))
    keys.write_text(json.dumps({"keys": [{"public_key": key}]}))

    assert cli.main(["verify", str(listed), "--key", str(keys), "--count", "4", "--json"]) == Exit.DRAINED
    facts = json.loads(capsys.readouterr().out)
    assert (facts["proven"], facts["receipts"], facts["joules"]) == (True, 4, "10.000000")
    assert facts["chain"]["follows"] is None
    assert cli.main(["verify", str(listed), "--key", key, "--count", "5"]) == Exit.NOT_PROVEN
    assert "5 receipts were expected, and 4 are proven" in capsys.readouterr().err
    for lines in ("[]", "no JSON", '{"next": 1}'):
        listed.write_text(lines)
        assert cli.main(["verify", str(listed), "--key", key]) == Exit.NOT_PROVEN
    # A mistake of the caller's, which must not pass for a proof either.
    assert cli.main(["verify", str(tmp_path / "nowhere"), "--key", "x"]) == Exit.NOT_PROVEN


def test_it_runs_as_documented(tmp_path: Path) -> None:
    rows, key = make_rows(tmp_path, count=2)
    listed = tmp_path / "receipts.json"

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agent", "verify", str(listed), "--key", key]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)

    listed.write_text("\n".join(map(json.dumps, rows)))
    good = run()
    listed.write_text(json.dumps(change_body([{}, *rows], key)[0][1:]).replace(rows[1]["joules"], "9"))
    bad = run()

    assert (good.returncode, good.stderr) == (0, "")
    assert "2 receipt(s), signed with" in good.stdout
    assert "unbroken; begins with the agent's first receipt" in good.stdout
    assert bad.returncode == 1
    assert "not proven" in bad.stderr
