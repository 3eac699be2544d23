"""Races around rails: a payout goes one way, a deposit is credited once, an address has one owner."""

from typing import Any

import psycopg

from tests.billing import books, rail_books, settled_books
from tests.billing.exchange import fetch_value
from tests.races.interleaving import overlap
from tests.races.stage import Stage, call

BLOCK = f"0x{9:064x}"


def payout_in_a_file_goes_no_other_way(stage: Stage) -> bool:
    with psycopg.connect(stage.db.dsn, autocommit=True) as app:
        ann, bob = books.decide(app)
        settled_books.settle(app, stage.farm.organization_id, ann, bob)
    reroute = call(
        "SELECT reroute_payout_v1(uid, 'other', NULL, '', 'test', now()) FROM payout WHERE state = 'PLANNED'"
    )
    outcome = overlap(stage.db, reroute, lambda app: rail_books.make_file(app, ann))
    refused = outcome.error
    return isinstance(refused, psycopg.Error) and refused.diag.constraint_name == "rail_file_payouts_wait"


def deposit_is_credited_once(stage: Stage) -> bool:
    _note_deposit(stage)
    credit = call("SELECT credit_deposit_v1(min(id), %s, now()) FROM chain_deposit", BLOCK)
    outcome = overlap(stage.db, credit, credit)
    entry = fetch_value(stage.app, "SELECT entry_id FROM chain_deposit")
    return outcome.error is None and outcome.value == entry


def deposit_goes_to_its_owner_once(stage: Stage) -> bool:
    _note_deposit(stage)
    credit = "SELECT credit_deposit_v1(min(id), %s, now()) FROM chain_deposit"
    fetch_value(stage.app, credit, BLOCK)
    with psycopg.connect(stage.db.dsn, autocommit=True) as app:
        asked = rail_books.agree_on_owner(app, 1, stage.lab.organization_id, *books.decide(app))
    assign = call("SELECT assign_deposit_v1(min(id), %s, 'test', now()) FROM chain_deposit", asked)
    outcome = overlap(stage.db, assign, assign)
    entry = fetch_value(stage.app, "SELECT assigned_entry_id FROM chain_deposit")
    return outcome.error is None and outcome.value == entry


def organization_gets_one_address(stage: Stage) -> bool:
    _note_deposit(stage)
    assign = _assign(stage.lab.organization_id)
    outcome = overlap(stage.db, assign, assign)
    return outcome.error is None and outcome.value == rail_books.ADDRESSES[0]


def addresses_are_given_out_without_waiting(stage: Stage) -> bool:
    _note_deposit(stage)
    outcome = overlap(stage.db, _assign(stage.lab.organization_id), _assign(stage.fund.organization_id))
    return outcome.error is None and outcome.value == rail_books.ADDRESSES[1] and not outcome.waited


def _assign(organization: int) -> Any:
    return call("SELECT assign_chain_address_v1(%s, now())", organization)


def _note_deposit(stage: Stage) -> None:
    """Addresses that nobody has, and a deposit to one of them."""
    fetch_value(stage.app, "SELECT add_chain_addresses_v1(%s, now())", rail_books.ADDRESSES)
    note = "SELECT note_deposit_v1(1, %s, 0, 5, %s, 'somebody', %s, 7.5, now())"
    fetch_value(stage.app, note, f"0x{1:064x}", BLOCK, rail_books.ADDRESSES[0])
