"""The fifteen properties of a ledger, each as a question to the books."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from billing import ledger, verification
from core.errors import DomainError
from tests.billing import exchange as ex
from tests.billing.exchange import NOW, fetch, fetch_value
from tests.databases import Database
from tests.money.world import name
from tests.races.interleaving import Connection, Step, overlap

CHECKS = {check.name: check.query for check in verification.list_checks()}
POST = "SELECT entry_id, is_new FROM post_v1(%s, 'TOPUP', 'test', '', %s, %s::bigint[], %s::numeric[])"


@dataclass(frozen=True, slots=True)
class Stage:
    """Books for one question: `app` posts, `owner` may what the application may not."""

    db: Database
    app: Connection
    owner: Connection

    def wallet(self, funds: str = "10", currency: str = "USD") -> ex.Buyer:
        """Somebody new with money."""
        return ex.make_buyer(self.app, name(), funds=funds, currency=currency)

    def bank(self, currency: str = "USD") -> int:
        """The bank's account."""
        return int(fetch_value(self.app, "SELECT account_v1('CLEARING_BANK', NULL, %s)", currency))

    def posted(self, buyer: ex.Buyer) -> Decimal:
        """What a wallet's row says it has."""
        return ex.read_scope(self.app, buyer.wallet_id)[0]

    def summed(self, account: int) -> Decimal:
        """What its postings come to, as a credit."""
        return Decimal(
            fetch_value(
                self.app, "SELECT coalesce(-sum(amount), 0) FROM posting WHERE account_id = %s", account
            )
        )

    def number(self) -> None:
        """Give every entry its number."""
        while fetch_value(self.app, "SELECT sequence_entries_v1()"):
            pass


def post(lines: dict[int, Any], key: str = "") -> Step:
    """A step that posts an entry; its value is the entry's number."""
    named = key or f"test:{name()}"

    def step(connection: Connection) -> Any:
        amounts = [Decimal(amount) for amount in lines.values()]
        return fetch(connection, POST, named, NOW, list(lines), amounts)[0]["entry_id"]

    return step


def is_refused(stage: Stage, step: Step) -> bool:
    try:
        step(stage.app)
    except psycopg.Error:
        return True
    return False


def balanced_in_each_currency(stage: Stage) -> bool:
    lab = stage.wallet()
    return is_refused(stage, post({stage.bank(): 5, lab.account_id: -4}))


def currencies_are_not_mixed(stage: Stage) -> bool:
    lab = stage.wallet()
    return is_refused(stage, post({stage.bank("CNY"): 5, lab.account_id: -5}))


def nothing_is_changed(stage: Stage) -> bool:
    stage.wallet()
    changes = ("UPDATE posting SET amount = 2 * amount", "DELETE FROM posting")

    def change(connection: Connection, statement: str) -> bool:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statement.encode())
        except psycopg.Error:
            return True
        return False

    return all(change(who, one) for who in (stage.app, stage.owner) for one in changes)


def the_chain_holds(stage: Stage) -> bool:
    """Each link follows from the one before it; links of other questions are not ours."""
    stage.number()
    before = fetch_value(stage.app, "SELECT coalesce(max(seq), 0) FROM ledger_seq")
    stage.wallet()
    stage.number()
    return all(row["seq"] <= before for row in fetch(stage.owner, CHECKS["chain_holds"]))


def a_duplicate_does_nothing(stage: Stage) -> bool:
    lab, key = stage.wallet(), f"test:{name()}"
    again = post({stage.bank(): 5, lab.account_id: -5}, key)
    return again(stage.app) == again(stage.app) and stage.posted(lab) == 15


def duplicates_at_once_are_one(stage: Stage) -> bool:
    lab, key = stage.wallet(), f"twice:{name()}"
    again = post({stage.bank(): 5, lab.account_id: -5}, key)
    outcome = overlap(stage.db, again, again)
    return outcome.error is None and stage.posted(lab) == 15


def no_update_is_lost(stage: Stage) -> bool:
    lab = stage.wallet()
    steps = [post({stage.bank(): 1, lab.account_id: -1}) for _ in range(2)]
    outcome = overlap(stage.db, *steps)
    return outcome.error is None and stage.posted(lab) == 12


def transfers_at_once_conserve(stage: Stage) -> bool:
    lab, fund, farm = (stage.wallet() for _ in range(3))
    first = post({lab.account_id: 3, fund.account_id: -3})
    outcome = overlap(stage.db, first, post({fund.account_id: 4, farm.account_id: -4}))
    return outcome.error is None and [stage.posted(one) for one in (lab, fund, farm)] == [7, 9, 14]


def a_balance_is_what_its_postings_come_to(stage: Stage) -> bool:
    lab = stage.wallet()
    for _ in range(2):
        post({stage.bank(): 1, lab.account_id: -1})(stage.app)
        stage.number()
    told = fetch_value(stage.app, "SELECT balance_v1(%s)", lab.account_id)
    return bool(told == stage.summed(lab.account_id) == stage.posted(lab))


def nobody_overdraws_at_once(stage: Stage) -> bool:
    lab = stage.wallet()
    spend = [post({lab.account_id: 8, stage.bank(): -8}) for _ in range(2)]
    outcome = overlap(stage.db, *spend)
    return outcome.error is not None and stage.posted(lab) == 2


def a_thousand_small_movements_do_not_drift(stage: Stage) -> bool:
    lab = stage.wallet("12345678.9")
    query = (
        "SELECT count(*) FROM generate_series(1, 1000) n CROSS JOIN LATERAL"
        " post_v1('drift:' || %s || n, 'TOPUP', 'test', '', now(), %s::bigint[], %s::numeric[]) p"
    )
    little = Decimal("0.001000001")
    fetch(stage.app, query, name(), [stage.bank(), lab.account_id], [little, -little])
    return stage.posted(lab) == Decimal("12345679.900001")


def an_entry_is_reversed_once(stage: Stage) -> bool:
    lab = stage.wallet()
    entry = post({stage.bank(): 5, lab.account_id: -5})(stage.app)
    for _ in range(2):
        ledger.reverse(entry_id=entry, actor="test", reason="", happened_at=NOW)
    if stage.posted(lab) != 10:
        return False
    legs = {stage.bank(): Decimal(-5), lab.account_id: Decimal(5)}
    try:
        ledger.post(
            key=f"again:{name()}", kind="REVERSAL", actor="test", lines=legs, happened_at=NOW, reverses=entry
        )
    except DomainError:
        return True
    return False


def balances_can_be_rebuilt(stage: Stage) -> bool:
    """From the legs of entries in the order of their numbers, without a look at postings or caches."""
    lab, fund = stage.wallet(), stage.wallet()
    post({stage.bank(): 3, lab.account_id: -1, fund.account_id: -2})(stage.app)
    stage.number()
    sums = {lab.account_id: Decimal(0), fund.account_id: Decimal(0)}
    for row in fetch(
        stage.app, "SELECT accounts, amounts FROM ledger_seq JOIN entry ON id = entry_id ORDER BY seq"
    ):
        for account, amount in zip(row["accounts"], row["amounts"], strict=True):
            if account in sums:
                sums[account] -= amount
    return all(
        sums[one.account_id] == stage.posted(one) == stage.summed(one.account_id) for one in (lab, fund)
    )


def entries_of_an_account_keep_their_order(stage: Stage) -> bool:
    """Who is numbered while somebody else has not committed yet keeps the place behind them."""
    lab = stage.wallet()
    with psycopg.connect(stage.db.dsn) as slow:
        first = post({stage.bank(): 1, lab.account_id: -1})(slow)
        second = post({stage.bank(): 1, stage.wallet().account_id: -1})(stage.app)
        stage.number()
        slow.commit()
    stage.number()
    rows = fetch(
        stage.app, "SELECT entry_id FROM ledger_seq WHERE entry_id = ANY (%s) ORDER BY seq", [first, second]
    )
    return [row["entry_id"] for row in rows] == [first, second]


def what_was_refused_is_never_told_as_done(stage: Stage) -> bool:
    lab = stage.wallet()
    too_much = post({lab.account_id: 11, stage.bank(): -11}, f"refused:{name()}")
    return is_refused(stage, too_much) and is_refused(stage, too_much)
