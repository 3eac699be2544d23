"""Receipts and their journal."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent import receipts
from agent.receipts import Journal, Statement, StateUnusable
from agent.usage import Usage
from workers import protocol, tickets
from workers.relay import receipts as relay_receipts

SECRET = b"known to every relay test"
ATTEMPT, RECEIPT = UUID(int=1), UUID(int=2)
STARTED = datetime(2030, 1, 15, 12, tzinfo=UTC)
STATEMENT = Statement(
    attempt_uid=str(ATTEMPT),
    receipt_uid=str(RECEIPT),
    card_uid=str(UUID(int=3)),
    nonce=tickets.derive_nonce(SECRET, attempt_uid=ATTEMPT, receipt_uid=RECEIPT).hex(),
    request_sha256="a" * 64,
    response_sha256="b" * 64,
    response_bytes=10,
    status=200,
    outcome="complete",
    usage=Usage(tokens_in=10, tokens_cached=None, tokens_out=0),
    microjoules=1_500_001,
    tier="declared",
    started_at=STARTED,
    ended_at=STARTED + timedelta(seconds=2),
    span_ms=2000,
)


def open_journal(state: Path, *, bytes_max: int = receipts.JOURNAL_BYTES_MAX) -> Journal:
    identity = receipts.load_identity(state=state)
    return Journal(state=state, identity=identity, bytes_max=bytes_max)


def check(
    receipt: receipts.Receipt, state: Path, *, secret: bytes = SECRET, now: datetime = STARTED
) -> relay_receipts.Checked:
    return relay_receipts.check_receipt(
        protocol.Receipt(body=receipt.body, signature=receipt.signature),
        node_id=7,
        public_keys=[receipts.load_identity(state=state).public],
        ticket_secret=secret,
        now=now,
    )


def check_with(receipt: receipts.Receipt, *, keys: list[bytes]) -> relay_receipts.Checked:
    return relay_receipts.check_receipt(
        protocol.Receipt(body=receipt.body, signature=receipt.signature),
        node_id=7,
        public_keys=keys,
        ticket_secret=SECRET,
        now=STARTED,
    )


def test_the_relay_accepts_what_the_agent_signs(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)

    checked = check(journal.append(STATEMENT), tmp_path)

    assert (checked.attempt_uid, checked.node_id, checked.tier) == (ATTEMPT, 7, "declared")
    # Nothing said is not zero, and zero is not nothing.
    assert (checked.claim_in, checked.claim_cached, checked.claim_out) == (10, None, 0)
    assert str(checked.joules) == "1.500001"
    journal.close()


def test_anybody_can_check_a_receipt_with_the_public_key_alone(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)

    receipt = journal.append(STATEMENT)

    public = receipts.load_identity(state=tmp_path).public
    Ed25519PublicKey.from_public_bytes(public).verify(receipt.signature, receipt.body)
    assert receipt.body.startswith(receipts.DOMAIN_TAG)
    journal.close()


def test_a_changed_body_a_foreign_key_and_a_wrong_nonce_are_refused(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "mine")
    receipt = journal.append(STATEMENT)
    changed = replace(receipt, body=receipt.body.replace(b'"in":10', b'"in":99'))

    with pytest.raises(relay_receipts.ReceiptRefused, match="signature"):
        check(changed, tmp_path / "mine")
    with pytest.raises(relay_receipts.ReceiptRefused, match="another key"):
        check(receipt, tmp_path / "theirs")
    with pytest.raises(relay_receipts.ReceiptRefused, match="nonce"):
        check(receipt, tmp_path / "mine", secret=b"of another exchange")
    journal.close()


@pytest.mark.parametrize(
    "started",
    [
        datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=9))),
        datetime(1, 1, 1, tzinfo=UTC),
        STARTED + timedelta(days=2),
        datetime(2019, 12, 31, tzinfo=UTC),
    ],
    ids=["beyond the calendar", "the first day", "in two days", "before there was any"],
)
def test_moments_that_cannot_be_are_refused(tmp_path: Path, started: datetime) -> None:
    journal = open_journal(tmp_path)
    body = replace(STATEMENT, started_at=started, ended_at=started + timedelta(seconds=1))

    with pytest.raises(relay_receipts.ReceiptRefused, match="times"):
        check(journal.append(body), tmp_path)
    journal.close()


def test_each_receipt_names_the_one_before_across_restarts(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    first = journal.append(STATEMENT)
    journal.forget([first.attempt_uid])
    journal.close()
    journal = open_journal(tmp_path)

    second = journal.append(replace(STATEMENT, attempt_uid=str(UUID(int=9))))

    named = json.loads(second.body.removeprefix(receipts.DOMAIN_TAG))["previous"]
    assert named == sha256(first.body).hexdigest()
    journal.close()


def test_receipts_stay_until_they_are_acknowledged(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    uids = [str(UUID(int=number)) for number in range(5)]
    for uid in uids:
        journal.append(replace(STATEMENT, attempt_uid=uid))
    journal.close()
    journal = open_journal(tmp_path)

    journal.forget(uids[:2])

    assert [receipt.attempt_uid for _, receipt in journal.pending()] == uids[2:]
    journal.close()


def test_the_journal_does_not_grow_without_end_and_gives_up_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, bytes_max=128 * 1024)
    uids = [str(UUID(int=number)) for number in range(500)]
    kept, full_at = [], 0

    for number, uid in enumerate(uids):
        try:
            journal.append(replace(STATEMENT, attempt_uid=uid))
        except sqlite3.OperationalError:
            break
        kept.append(uid)
        full_at = full_at or (number if journal.full else 0)

    # It said so well before it could take no more, and what it took is there.
    assert 0 < full_at < len(kept) < len(uids)
    assert (tmp_path / receipts.JOURNAL_FILE).stat().st_size <= 128 * 1024
    assert [receipt.attempt_uid for _, receipt in journal.pending(limit=500)] == kept
    journal.forget(kept)
    journal.append(replace(STATEMENT, attempt_uid=uids[-1]))
    assert (journal.full, journal.waiting) == (False, 1)
    journal.close()


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    first, second = open_journal(tmp_path), open_journal(tmp_path)
    written = [
        journal.append(replace(STATEMENT, attempt_uid=str(UUID(int=number))))
        for number, journal in enumerate((first, second, first, second), 1)
    ]

    bodies = [receipt.body for receipt in written]
    named = [json.loads(body.removeprefix(receipts.DOMAIN_TAG))["previous"] for body in bodies]
    assert named == [None, *(sha256(body).hexdigest() for body in bodies[:-1])]
    second.count()
    assert second.waiting == 4
    first.close()
    second.close()


def test_receipts_of_a_replaced_key_are_still_verified(tmp_path: Path) -> None:
    old = receipts.load_identity(state=tmp_path)
    journal = open_journal(tmp_path)
    earlier = journal.append(STATEMENT)
    journal.close()
    new = receipts.load_identity(state=tmp_path, name="agent-2.key")
    journal = Journal(state=tmp_path, identity=new)
    later = journal.append(replace(STATEMENT, attempt_uid=str(UUID(int=9)), receipt_uid=str(UUID(int=8))))

    for receipt in (earlier, later):
        with pytest.raises(relay_receipts.ReceiptRefused, match=r"another key"):
            check_with(receipt, keys=[new.public if receipt is earlier else old.public])
    assert check_with(earlier, keys=[new.public, old.public]).key_id == old.key_id
    journal.close()


def test_a_refused_append_leaves_the_chain_as_it_was(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    first = journal.append(STATEMENT)

    with pytest.raises(sqlite3.IntegrityError):
        journal.append(STATEMENT)

    after = journal.append(replace(STATEMENT, attempt_uid=str(UUID(int=9))))
    named = json.loads(after.body.removeprefix(receipts.DOMAIN_TAG))["previous"]
    assert named == sha256(first.body).hexdigest()
    journal.close()


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"

    first = receipts.load_identity(state=state)
    again = receipts.load_identity(state=state)

    assert first.public == again.public
    assert (state / receipts.KEY_FILE).stat().st_mode & 0o777 == 0o600
    (state / receipts.KEY_FILE).chmod(0o644)
    with pytest.raises(StateUnusable, match="chmod 600"):
        receipts.load_identity(state=state)


def test_a_state_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(StateUnusable, match="cannot be used"):
        receipts.load_identity(state=tmp_path / "file")
