"""Races around disputes: what is frozen is there, however fast somebody spends."""

from decimal import Decimal

from tests.billing import exchange as ex
from tests.races.interleaving import Connection, overlap
from tests.races.stage import Stage, call


def freezer_waits_for_who_spends(stage: Stage) -> bool:
    def spend(connection: Connection) -> None:
        bank = ex.account(connection, "CLEARING_BANK")
        ex.post(connection, [bank, stage.lab.account_id], [Decimal(-2), Decimal(2)])

    free = ex.fetch_value(
        stage.app, "SELECT posted - held FROM scope WHERE account_id = %s", stage.lab.account_id
    )
    outcome = overlap(stage.db, spend, call("SELECT lock_wallet_v1(%s)", stage.lab.account_id))
    return outcome.error is None and outcome.waited and outcome.value == free - 2
