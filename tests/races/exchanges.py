"""Races around exchanges: limits, positions, and whose books an account is in."""

from tests.billing import exchange as ex
from tests.billing import fx_books
from tests.billing.exchange import fetch_value
from tests.races.interleaving import overlap
from tests.races.stage import Stage, call

SET = "INSERT INTO organization_entity VALUES (%s, 'HAINAN') RETURNING entity"
OPEN = "SELECT account_v1('WALLET', %s, 'USD')"
CONVERT = f"SELECT convert_v1(gen_random_uuid(), %s, %s, %s, NULL, 'test', {fx_books.YESTERDAY})"
FOLLOW = "SELECT follow_positions_v1(5000)"
REVALUE = "SELECT revalue_positions_v1((now() AT TIME ZONE 'UTC')::date - 1, now())"


def account_is_opened_with_the_entity_that_is_being_set(stage: Stage) -> bool:
    isle = ex.make_organization(stage.app, "Isle")
    outcome = overlap(stage.db, call(SET, isle), call(OPEN, isle))
    return bool(
        fetch_value(stage.app, "SELECT entity FROM ledger_account WHERE id = %s", outcome.value) == "HAINAN"
    )


def entity_waits_for_an_account_that_is_opened(stage: Stage) -> bool:
    isle = ex.make_organization(stage.app, "Isle")
    return overlap(stage.db, call(OPEN, isle), call(SET, isle)).error is not None


def quote(stage: Stage) -> int:
    return int(fetch_value(stage.app, fx_books.QUOTE, stage.lab.organization_id))


def convert(stage: Stage, amount: str) -> None:
    fetch_value(stage.app, CONVERT, quote(stage), stage.lab.organization_id, amount)


def say_rate(stage: Stage) -> None:
    """One US dollar is 8 CNH; every account of an exchange is open, and positions are told."""
    stage.app.execute(
        "INSERT INTO fx_rate (source, unit, currency, rate, as_of, noted_at, noted_by)"
        " VALUES ('OPERATOR', 'USD', 'CNH', 8, now() - interval '2 days', now(), 'test')"
    )
    convert(stage, "0.1")
    tell(stage)


def tell(stage: Stage) -> None:
    fetch_value(stage.app, "SELECT sequence_entries_v1()")
    fetch_value(stage.app, FOLLOW)


def two_that_fit_alone_do_not_pass_a_limit_together(stage: Stage) -> bool:
    say_rate(stage)
    stage.app.execute("INSERT INTO fx_limit VALUES ('CNH', 10)")
    one, other = (call(CONVERT, quote(stage), stage.lab.organization_id, "1") for _ in range(2))
    return overlap(stage.db, one, other).error is not None


def positions_are_told_once(stage: Stage) -> bool:
    say_rate(stage)
    convert(stage, "1")
    fetch_value(stage.app, "SELECT sequence_entries_v1()")
    told: list[int] = []
    outcome = overlap(stage.db, lambda c: told.append(fetch_value(c, FOLLOW)), call(FOLLOW))
    assert told == [1]
    return outcome.error is None and outcome.value is None


def day_is_revalued_once(stage: Stage) -> bool:
    say_rate(stage)
    outcome = overlap(stage.db, call(REVALUE), call(REVALUE))
    return outcome.error is None and outcome.value == 0
