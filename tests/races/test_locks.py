"""Every lock of the money functions, with a race that it decides and the same race lost without it."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from core import ids
from tests.billing import exchange as ex
from tests.billing.exchange import Admitted, Buyer, Seller, fetch, fetch_value
from tests.databases import Database
from tests.races import (
    banking,
    capped,
    claiming,
    closing,
    exchanges,
    freezing,
    invoicing,
    keeping,
    money_in,
    payouts,
    rails,
    starting,
)
from tests.races.interleaving import (
    Outcome,
    Running,
    Step,
    count_locks,
    cross,
    overlap,
    read_function,
    remove_lock,
    turn_lock,
)
from tests.races.stage import Stage, admission, call

pytestmark = [pytest.mark.sql, pytest.mark.race]


def no_deadlock(outcomes: list[Outcome]) -> bool:
    return not any(isinstance(outcome.error, psycopg.errors.DeadlockDetected) for outcome in outcomes)


# --- who was first ------------------------------------------------------------------------------------------


def waiting_admission_sees_what_is_left(stage: Stage) -> bool:
    one = admission(stage, [stage.lab], wait=True)
    outcome = overlap(stage.db, one, one)
    return outcome.error is None and outcome.value == ["insufficient_funds"] and outcome.waited


def hasty_admission_is_told_busy(stage: Stage) -> bool:
    one = admission(stage, [stage.lab], wait=False)
    outcome = overlap(stage.db, one, one)
    return outcome.error is None and outcome.value == ["busy"] and not outcome.waited


def turn_period(stage: Stage) -> None:
    """Limit the lab's key to one job a day, with a first day that is over."""
    ex.set_limit(stage.app, stage.lab, 2, period="DAILY")
    with psycopg.connect(stage.db.owner_dsn, autocommit=True) as owner:
        ex.end_periods(owner)


def first_jobs_of_a_day_share_its_row(stage: Stage) -> bool:
    turn_period(stage)
    one = admission(stage, [stage.lab], wait=True)
    outcome = overlap(stage.db, one, one)
    return outcome.error is None and outcome.value == ["key_limit_exceeded"] and outcome.waited


def hasty_admission_waits_for_no_turn(stage: Stage) -> bool:
    turn_period(stage)
    one = admission(stage, [stage.lab], wait=False)
    outcome = overlap(stage.db, one, one)
    return outcome.error is None and outcome.value == ["busy"] and not outcome.waited


def hold_is_released_once(stage: Stage) -> bool:
    stage.admit(stage.lab)
    release = call("SELECT release_v1(ARRAY[1::bigint])")
    outcome = overlap(stage.db, release, release)
    return outcome.error is None and outcome.value == 0


def released_hold_is_not_changed(stage: Stage) -> bool:
    stage.admit(stage.lab)
    release, change = call("SELECT release_v1(ARRAY[1::bigint])"), call("SELECT change_hold_v1(1, 1)")
    return bool(overlap(stage.db, release, change).value == "closed")


def posters_share_the_queue_without_waiting(stage: Stage) -> bool:
    ex.record(stage.app, stage.admit(stage.lab).attempt_id)
    outcome = overlap(stage.db, ex.post_charges, ex.post_charges)
    return outcome.value == 0 and not outcome.waited


def last_charge_posted_beside_the_first_closes_the_hold(stage: Stage) -> bool:
    # Accounts that are opened on the way would serialize the two; they are there already.
    ex.record(stage.app, stage.admit(stage.fund).attempt_id)
    ex.post_charges(stage.app)
    job = stage.admit(stage.lab)
    first = ex.record(stage.app, job.attempt_id, final=False)["usage_id"]
    last = ex.record(stage.app, job.attempt_id, seq=2)["usage_id"]
    overlap(stage.db, lambda c: ex.post_charges(c, [first]), lambda c: ex.post_charges(c, [last]))
    return stage.is_clean()


def recorded_attempt_does_not_fail(stage: Stage) -> bool:
    attempt = stage.admit(stage.lab).attempt_id
    outcome = overlap(stage.db, lambda c: ex.record(c, attempt), lambda c: ex.fail(c, attempt))
    return outcome.error is None and outcome.value == "fenced"


def sweeper_passes_by_what_is_being_recorded(stage: Stage) -> bool:
    attempt = stage.admit(stage.lab).attempt_id
    with psycopg.connect(stage.db.owner_dsn, autocommit=True) as owner:
        ex.expire_leases(owner)
    outcome = overlap(stage.db, lambda c: ex.record(c, attempt), ex.sweep)
    return outcome.value == 0 and not outcome.waited


def started_job_is_not_cancelled_as_if_it_waited(stage: Stage) -> bool:
    job = stage.admit(stage.lab, deferred=True)
    outcome = overlap(
        stage.db,
        lambda c: ex.reattempt(c, job, stage.farm, first=True),
        lambda c: ex.cancel(c, stage.lab, job),
    )
    return outcome.value == "RUNNING" and stage.is_clean()


def entries_are_numbered_by_one_at_a_time(stage: Stage) -> bool:
    number = call("SELECT sequence_entries_v1()")
    outcome = overlap(stage.db, number, number)
    return outcome.error is None and outcome.value == 0


# --- one order of locks -------------------------------------------------------------------------------------


def wallets_are_locked_in_order(stage: Stage, crossing: Step) -> bool:
    both = admission(stage, [stage.lab, stage.fund], wait=True)
    locked = f"SELECT 1 FROM scope WHERE id = {stage.lab.wallet_id}"
    return no_deadlock(cross(stage.db, locked, both, crossing))


def releasing_locks_wallets_in_order(stage: Stage) -> bool:
    stage.one_each(out_bound=1)
    return wallets_are_locked_in_order(stage, call("SELECT release_v1(ARRAY[1::bigint, 2])"))


def posting_locks_wallets_in_order(stage: Stage) -> bool:
    accounts = [stage.fund.account_id, stage.lab.account_id]
    return wallets_are_locked_in_order(stage, lambda c: ex.post(c, accounts, [Decimal(1), Decimal(-1)]))


def reattempts(stage: Stage, jobs: tuple[Admitted, Admitted]) -> Step:
    """One call that opens the next attempts of both jobs."""
    uids = [[str(ids.make_uid()) for _ in jobs] for _ in range(2)]
    farm = stage.farm
    return lambda c: fetch(
        c,
        "SELECT verdict FROM reattempt_v1(%s::bigint[], %s::bigint[], ARRAY['x', 'x'],"
        " %s::bigint[], %s::bigint[], %s::bigint[], %s::uuid[], %s::uuid[])",
        *([job.job_id for job in jobs], [job.attempt_id for job in jobs]),
        *([farm.offer_id] * 2, [farm.card_id] * 2, [farm.node_id] * 2, *uids),
    )


def reattempts_lock_wallets_in_order(stage: Stage) -> bool:
    jobs = stage.one_each(out_bound=1)
    return wallets_are_locked_in_order(stage, reattempts(stage, jobs))


def reattempts_lock_holds_in_order(stage: Stage) -> bool:
    jobs = stage.one_each()
    release = call("SELECT release_v1(ARRAY[1::bigint, 2])")
    return no_deadlock(cross(stage.db, "SELECT 1 FROM hold WHERE id = 1", release, reattempts(stage, jobs)))


def jobs_are_locked_in_order(stage: Stage, make: Callable[[tuple[Admitted, Admitted]], Step]) -> bool:
    jobs = stage.one_each()
    ids = [job.job_id for job in jobs]
    waiting = call("SELECT fail_queued_v1(%s, 'x')", ids)
    return no_deadlock(cross(stage.db, f"SELECT 1 FROM job WHERE id = {ids[0]}", waiting, make(jobs)))


def both_recorded(jobs: tuple[Admitted, Admitted]) -> Step:
    return lambda c: ex.record_items(c, [job.attempt_id for job in jobs])


def both_failed(jobs: tuple[Admitted, Admitted]) -> Step:
    query = "SELECT count(verdict) FROM fail_v1(%s::bigint[], ARRAY['x', 'x'], ARRAY['FAILED', 'FAILED'])"
    return call(query, [job.attempt_id for job in jobs])


def recording_locks_jobs_in_order(stage: Stage) -> bool:
    return jobs_are_locked_in_order(stage, both_recorded)


def failing_locks_jobs_in_order(stage: Stage) -> bool:
    return jobs_are_locked_in_order(stage, both_failed)


def reattempts_lock_jobs_in_order(stage: Stage) -> bool:
    return jobs_are_locked_in_order(stage, lambda jobs: reattempts(stage, jobs))


def failing_the_queue_locks_jobs_in_order(stage: Stage) -> bool:
    jobs = stage.one_each()
    ids = [job.job_id for job in jobs]
    crossing = call("SELECT fail_queued_v1(%s, 'x')", ids)
    locked = f"SELECT 1 FROM job WHERE id = {ids[0]}"
    return no_deadlock(cross(stage.db, locked, both_failed(jobs), crossing))


def renewing_locks_attempts_in_order(stage: Stage) -> bool:
    jobs = stage.one_each()
    attempts = [job.attempt_id for job in jobs]
    locked = f"SELECT 1 FROM attempt WHERE id = {attempts[0]}"
    return no_deadlock(cross(stage.db, locked, both_recorded(jobs), lambda c: ex.renew(c, attempts)))


def attempt_comes_before_its_job(stage: Stage, waiting: Callable[[Admitted], Step]) -> bool:
    job = stage.admit(stage.lab)
    locked = f"SELECT 1 FROM job WHERE id = {job.job_id}"
    return no_deadlock(cross(stage.db, locked, waiting(job), lambda c: ex.fail(c, job.attempt_id)))


def recording_locks_the_attempt_first(stage: Stage) -> bool:
    return attempt_comes_before_its_job(stage, lambda job: lambda c: ex.record(c, job.attempt_id))


def reattempting_locks_the_attempt_first(stage: Stage) -> bool:
    return attempt_comes_before_its_job(stage, lambda job: lambda c: ex.reattempt(c, job, stage.farm))


Play = Callable[[Stage], bool]


def spending_is_folded_once(stage: Stage) -> bool:
    ex.record(stage.app, stage.admit(stage.lab).attempt_id)
    fold = call("SELECT fold_spend_v1(1000)")
    # The first time it only marks what to fold.
    fold(stage.app)
    outcome = overlap(stage.db, fold, fold)
    return outcome.error is None and outcome.value == 0 and stage.is_clean()


def income_is_folded_once(stage: Stage) -> bool:
    ex.record(stage.app, stage.admit(stage.lab).attempt_id)
    ex.post_charges(stage.app)
    fetch_value(stage.app, "SELECT sequence_entries_v1()")
    fold = call("SELECT fold_income_v1(1000)")
    outcome = overlap(stage.db, fold, fold)
    return outcome.waited and outcome.error is None and outcome.value == 0 and stage.is_clean()


def cursor_of_spending_never_goes_back(stage: Stage) -> bool:
    ex.record(stage.app, stage.admit(stage.lab).attempt_id)
    fold = call("SELECT fold_spend_v1(1000)")
    with psycopg.connect(stage.db.dsn, autocommit=True) as ahead:
        fetch_value(ahead, "SELECT pg_advisory_lock(hashtext('fold_spend'))")
        late = Running(stage.db, fold)
        late.settle(ahead)
        ex.record(stage.app, stage.admit(stage.fund).attempt_id)
        # Who has its turn already may have it again: it marks, and then folds what it marked.
        fold(ahead)
        fold(ahead)
        fetch_value(ahead, "SELECT pg_advisory_unlock(hashtext('fold_spend'))")
        outcome = late.finish()
    fold(stage.app)
    return outcome.waited and outcome.error is None and stage.is_clean()


# function, number of the lock in it, how it is spoilt (`turn`: number among the ordered locks), the race
RACES: list[tuple[str, int, tuple[str, int], Play]] = [
    ("hold_v2", 1, ("remove", 1), waiting_admission_sees_what_is_left),
    ("hold_v2", 2, ("remove", 2), hasty_admission_is_told_busy),
    ("turn_limits_v1", 1, ("remove", 1), first_jobs_of_a_day_share_its_row),
    ("turn_limits_v1", 2, ("remove", 2), hasty_admission_waits_for_no_turn),
    ("shift_held_v1", 1, ("turn", 1), releasing_locks_wallets_in_order),
    ("release_v1", 1, ("remove", 1), hold_is_released_once),
    ("change_hold_v1", 1, ("remove", 1), released_hold_is_not_changed),
    ("write_postings", 1, ("turn", 1), posting_locks_wallets_in_order),
    ("post_charges_v1", 1, ("remove", 1), posters_share_the_queue_without_waiting),
    ("post_charges_v1", 2, ("remove", 2), last_charge_posted_beside_the_first_closes_the_hold),
    ("fail_v1", 1, ("remove", 1), recorded_attempt_does_not_fail),
    ("fail_v1", 2, ("turn", 2), failing_locks_jobs_in_order),
    ("fail_queued_v1", 1, ("turn", 1), failing_the_queue_locks_jobs_in_order),
    ("reattempt_v1", 1, ("remove", 1), reattempting_locks_the_attempt_first),
    ("reattempt_v1", 2, ("turn", 2), reattempts_lock_jobs_in_order),
    ("reattempt_v1", 3, ("turn", 3), reattempts_lock_holds_in_order),
    ("reattempt_v1", 4, ("turn", 4), reattempts_lock_wallets_in_order),
    ("record_usage_v3", 1, ("remove", 1), recording_locks_the_attempt_first),
    ("record_usage_v3", 2, ("turn", 2), recording_locks_jobs_in_order),
    ("renew_v1", 1, ("turn", 1), renewing_locks_attempts_in_order),
    ("cancel_job_v1", 1, ("remove", 1), started_job_is_not_cancelled_as_if_it_waited),
    ("sweep_v1", 1, ("remove", 1), sweeper_passes_by_what_is_being_recorded),
    ("ensure_partitions_v1", 1, ("remove", 1), keeping.partitions_are_made_once),
    ("ensure_series_partitions_v1", 1, ("remove", 1), keeping.years_of_series_are_made_once),
    ("sequence_entries_v1", 1, ("remove", 1), entries_are_numbered_by_one_at_a_time),
    ("fold_spend_v1", 1, ("remove", 1), spending_is_folded_once),
    ("fold_income_v1", 1, ("remove", 1), income_is_folded_once),
    ("collect_capped_v1", 1, ("remove", 1), capped.capped_usage_is_collected_once),
    ("settle_capped_v1", 1, ("remove", 1), capped.settlers_share_what_waits_without_waiting),
    ("lock_refunds_v1", 1, ("remove", 1), capped.refund_sees_what_was_given_back),
    ("book_entry", 1, ("remove", 1), closing.closer_waits_for_who_posts),
    ("close_period_v1", 1, ("remove", 1), closing.late_posting_sees_the_period_closed),
    ("keep_checkpoints_v1", 1, ("remove", 1), closing.checkpoints_are_kept_once),
    ("post_invoice_tax_v1", 1, ("remove", 1), invoicing.tax_is_void_before_it_is_taken),
    ("lock_wallet_v1", 1, ("remove", 1), money_in.freezer_waits_for_who_spends),
    ("import_bank_statement_v1", 1, ("remove", 1), banking.statements_follow_each_other),
    ("pay_item_v1", 1, ("remove", 1), payouts.item_is_paid_once),
    ("pay_item_v1", 2, ("remove", 2), payouts.frozen_earnings_are_not_paid),
    ("move_payout_v1", 1, ("remove", 1), payouts.news_of_a_payout_take_turns),
    ("claim_connect_transfer_v1", 1, ("remove", 1), payouts.rail_is_left_before_it_is_claimed),
    ("make_rail_file_v1", 1, ("remove", 1), rails.payout_in_a_file_goes_no_other_way),
    ("credit_deposit_v1", 1, ("remove", 1), rails.deposit_is_credited_once),
    ("assign_deposit_v1", 1, ("remove", 1), rails.deposit_goes_to_its_owner_once),
    ("assign_chain_address_v1", 1, ("remove", 1), rails.organization_gets_one_address),
    ("assign_chain_address_v1", 2, ("remove", 2), rails.addresses_are_given_out_without_waiting),
    ("account_v1", 1, ("remove", 1), exchanges.account_is_opened_with_the_entity_that_is_being_set),
    ("check_organization_entity", 1, ("remove", 1), exchanges.entity_waits_for_an_account_that_is_opened),
    ("check_fx_limit_v1", 1, ("remove", 1), exchanges.two_that_fit_alone_do_not_pass_a_limit_together),
    ("follow_positions_v1", 1, ("remove", 1), exchanges.positions_are_told_once),
    ("revalue_positions_v1", 1, ("remove", 1), exchanges.day_is_revalued_once),
    ("freeze_v1", 1, ("remove", 1), freezing.freezing_waits_for_who_lets_go),
    ("freeze_v1", 2, ("remove", 2), freezing.freezing_sees_what_a_job_holds),
    ("freeze_v1", 3, ("remove", 3), payouts.earnings_on_their_way_are_not_frozen),
    ("release_freeze_v1", 1, ("remove", 1), freezing.release_sees_what_was_frozen_since),
    ("check_claim_evidence", 1, ("remove", 1), claiming.files_that_arrive_together_are_few),
    ("free_start_v1", 1, ("remove", 1), starting.starters_of_one_person_are_counted),
    ("note_site_factors_v1", 1, ("remove", 1), keeping.factors_are_read_behind_a_change_of_the_site),
]
NAMES = [f"{function}-{number}" for function, number, _, _ in RACES]


@pytest.fixture
def stage(db: Database, app: psycopg.Connection[Any], lab: Buyer, fund: Buyer, farm: Seller) -> Stage:
    """A lab and a fund with three dollars each, and a farm."""
    return Stage(db, app, lab, fund, farm)


def test_every_lock_has_a_race(stage: Stage) -> None:
    functions = fetch(
        stage.app,
        "SELECT proname AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')",
    )
    locks = {row["name"]: count_locks(read_function(stage.app, row["name"])) for row in functions}

    raced = [(function, number) for function, number, _, _ in RACES]

    assert sorted(raced) == sorted((name, n + 1) for name, count in locks.items() for n in range(count))


@pytest.mark.parametrize(("function", "number", "spoil", "play"), RACES, ids=NAMES)
def test_the_lock_decides_the_race(
    stage: Stage, function: str, number: int, spoil: tuple[str, int], play: Play
) -> None:
    assert play(stage)


@pytest.mark.parametrize(("function", "number", "spoil", "play"), RACES, ids=NAMES)
def test_without_the_lock_the_race_is_lost(
    stage: Stage, function: str, number: int, spoil: tuple[str, int], play: Play
) -> None:
    way, which = spoil
    (remove_lock if way == "remove" else turn_lock)(stage.db, function, which)

    assert not play(stage)


LAST_NUMBER = re.compile(r"    last_id := .*?;\n")
TURN = "    PERFORM pg_advisory_xact_lock("


def test_who_folds_reads_the_last_number_in_its_turn(stage: Stage) -> None:
    assert cursor_of_spending_never_goes_back(stage)


def test_a_number_read_before_the_turn_moves_the_cursor_back(stage: Stage) -> None:
    text = read_function(stage.app, "fold_spend_v1")
    [line] = LAST_NUMBER.findall(text)
    with psycopg.connect(stage.db.owner_dsn, autocommit=True) as owner:
        owner.execute(text.replace(line, "").replace(TURN, line + TURN).encode())

    assert not cursor_of_spending_never_goes_back(stage)
