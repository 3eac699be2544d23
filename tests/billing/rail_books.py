"""Payout methods, files and deposits as the application writes them: one of everything."""

from typing import Any

import psycopg

from tests.billing.exchange import fetch, fetch_value

Connection = psycopg.Connection[Any]
ADDRESSES = [f"0x{number:040x}" for number in (1, 2, 3)]


def fill(app: Connection, provider: int, ann: Any, bob: Any) -> None:
    """
    Methods: waiting, ready and removed. The payout that waits is in a file, after one that was thrown away.

    Addresses: given out, and not. Deposits: credited, seen, and one that two people gave to the provider.
    """
    waiting, ready, removed = (_add_method(app, provider, sign, ann) for sign in "abc")
    assert waiting
    move = "SELECT move_payout_method_v1(%s, %s, '', %s, now())"
    fetch(app, move, ready, "READY", bob)
    fetch(app, move, removed, "RETIRED", ann)
    thrown = make_file(app, ann)
    fetch(app, "SELECT void_rail_file_v1(%s, 'Wrong day', now())", thrown)
    kept = _hand_over(app, make_file(app, ann), ann, bob)
    app.execute(
        "INSERT INTO payer_account (rail, currency, details, changed_at) VALUES ('x', 'USD', '{}', now())"
    )
    app.execute(
        "INSERT INTO rail_answer (file_id, sha256, content, received_at)"
        " VALUES (%s, encode(sha256('x'), 'hex'), 'x', now())",
        [kept],
    )
    fetch(app, "SELECT add_chain_addresses_v1(%s, now())", ADDRESSES)
    fetch(app, "SELECT assign_chain_address_v1(%s, now())", provider)
    for number in (1, 2):
        fetch(
            app,
            "SELECT note_deposit_v1(1, %s, 0, 5, %s, 'somebody', %s, 7.5, now())",
            *(_hash(number), _hash(9), ADDRESSES[0]),
        )
    fetch(app, "SELECT credit_deposit_v1(min(id), %s, now()) FROM chain_deposit", _hash(9))
    _assign_deposit(app, provider, ann, bob)
    fetch(app, "SELECT move_chain_cursor_v1(1, 5, now())")


def _assign_deposit(app: Connection, provider: int, ann: Any, bob: Any) -> None:
    note = "SELECT note_deposit_v1(1, %s, 0, 5, %s, 'somebody', %s, 2.5, now())"
    fetch(app, note, _hash(3), _hash(9), ADDRESSES[2])
    one = fetch_value(app, "SELECT id FROM chain_deposit WHERE tx_hash = %s", _hash(3))
    fetch(app, "SELECT credit_deposit_v1(%s, %s, now())", one, _hash(9))
    asked = agree_on_owner(app, one, provider, ann, bob)
    assert fetch_value(app, "SELECT assign_deposit_v1(%s, %s, 'test', now())", one, asked)


def agree_on_owner(app: Connection, deposit: int, owner: int, ann: Any, bob: Any) -> int:
    """The approval of a deposit's owner."""
    asked = fetch_value(
        app,
        "SELECT approval_id FROM accounts_organization o, request_approval_v1("
        "gen_random_uuid(), 'chain_deposit', %s::text, jsonb_build_object('organization', o.uid)::text, %s,"
        " now()) WHERE o.id = %s",
        *(deposit, ann, owner),
    )
    decide = "SELECT decide_approval_v1(id, 'APPROVED', sha256, %s, '', now()) FROM approval WHERE id = %s"
    fetch(app, decide, bob, asked)
    return int(asked)


def _hash(number: int) -> str:
    return f"0x{number:064x}"


def _add_method(app: Connection, provider: int, sign: str, by: Any) -> int:
    return int(
        fetch_value(
            app,
            "SELECT add_payout_method_v1(gen_random_uuid(), %s, 'bank', 'USD', 'US', 'sealed', 'k', %s, '…1',"
            " %s, now(), now())",
            *(provider, sign * 64, by),
        )
    )


def _hand_over(app: Connection, file: int, ann: Any, bob: Any) -> int:
    asked = fetch_value(
        app,
        "SELECT approval_id FROM rail_file f, request_approval_v1(gen_random_uuid(), 'payout_file',"
        " f.uid::text, jsonb_build_object('sha256', f.sha256)::text, %s, now()) WHERE f.id = %s",
        *(ann, file),
    )
    decide = "SELECT decide_approval_v1(id, 'APPROVED', sha256, %s, '', now()) FROM approval WHERE id = %s"
    fetch(app, decide, bob, asked)
    assert fetch_value(app, "SELECT send_rail_file_v1(%s, %s, now())", file, ann)
    fetch(app, "SELECT confirm_rail_file_v1(%s, 'tx')", file)
    return file


def make_file(app: Connection, by: Any) -> int:
    """A file of the payout that waits."""
    return int(
        fetch_value(
            app,
            "SELECT make_rail_file_v1(gen_random_uuid(), rail, currency, 'f.xml', 'application/xml', %s,"
            " 'sealed', 'k', '{}', ARRAY[uid], amount, %s, now()) FROM payout WHERE state = 'PLANNED'",
            *("0" * 64, by),
        )
    )
