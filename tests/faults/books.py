"""What the exchange's books say of jobs, and what must be true of them whatever was broken."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg.rows import dict_row

from tests.faults.buyers import Answer
from tests.faults.plant import TOKENS_PER_SECOND, WAIT_SECONDS_MAX, Plant, wait_until
from tests.faults.seed import Buyer

BILLS = """
    SELECT j.uid::text AS job, j.state, j.error_code, a.id AS attempt_id, a.state AS attempt_state, a.node_id,
           a.delivered_out AS checkpoint,
           (SELECT count(*) FROM attempt n WHERE n.job_id = j.id) AS attempts,
           u.ours_in, u.ours_out, u.claim_out, u.billed_in, u.billed_out, u.count_method, u.ended_how,
           c.amount, c.rated, h.amount AS held, h.state AS hold_state,
           (SELECT array_agg(f.kind ORDER BY f.kind) FROM meter_flag f WHERE f.attempt_id = a.id) AS flags
      FROM job j JOIN hold h ON h.id = j.hold_id
      JOIN LATERAL (SELECT * FROM attempt WHERE job_id = j.id ORDER BY number DESC LIMIT 1) a ON true
      LEFT JOIN usage_record u ON u.attempt_id = a.id LEFT JOIN charge c ON c.usage_id = u.id
     WHERE j.id > %s ORDER BY j.id
"""
OPEN = """
    SELECT (SELECT count(*) FROM job WHERE state = 'RUNNING') + (SELECT count(*) FROM charge_queue)
         + (SELECT count(*) FROM hold WHERE state = 'OPEN')
"""


# Who hangs up does not see what is on its way at that moment.
UNDERWAY_TOKENS_MAX = TOKENS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Bill:
    """
    A job with its last attempt and what it came to; the usage columns are None where nothing was charged.

    `checkpoint` is what the attempt had delivered when its lease was last renewed.
    """

    job: str
    state: str
    error_code: str | None
    attempt_id: int
    attempt_state: str
    node_id: int
    checkpoint: int
    attempts: int
    ours_in: int | None
    ours_out: int | None
    claim_out: int | None
    billed_in: int | None
    billed_out: int | None
    count_method: str | None
    ended_how: str | None
    amount: Decimal | None
    rated: Decimal | None
    held: Decimal
    hold_state: str
    flags: list[str] | None


class Books:
    """The books since this object was made."""

    def __init__(self, plant: Plant, buyer: Buyer) -> None:
        self._plant = plant
        self._url = plant.cluster.url()
        self._buyer = buyer
        self._first_job = self.read_value("SELECT coalesce(max(id), 0) FROM job")
        self._posted = self._read_posted()

    def read(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Ask as the application does, on a new connection: the server may have died meanwhile."""
        with psycopg.connect(
            self._url, autocommit=True, connect_timeout=10, row_factory=dict_row
        ) as database:
            return database.execute(query.encode(), values or None).fetchall()

    def read_value(self, query: str, *values: Any) -> Any:
        """The one value of a query's one row."""
        [row] = self.read(query, *values)
        [value] = row.values()
        return value

    def _read_posted(self) -> Decimal:
        found = self.read_value("SELECT posted FROM scope WHERE id = %s", self._buyer.wallet_id)
        assert isinstance(found, Decimal)
        return found

    def read_bills(self) -> dict[str, Bill]:
        """Every job since the beginning, by its uid."""
        return {row["job"]: Bill(**row) for row in self.read(BILLS, self._first_job)}

    def wait_checkpointed(self, answers: Iterable[Answer], *, tokens: int = 1) -> dict[str, int]:
        """Wait until each stream has a checkpoint of at least so many tokens; gives them by job."""
        wanted = [answer.job for answer in answers]

        def read() -> dict[str, int]:
            bills = self.read_bills()
            return {job: bills[job].checkpoint for job in wanted}

        wait_until(lambda: min(read().values()) >= tokens, what="every stream has its checkpoint")
        return read()

    def wait_settled(self, *, seconds: float = WAIT_SECONDS_MAX) -> None:
        """Wait until nothing runs, no charge waits and no hold is open."""

        def is_settled() -> bool:
            self._plant.look_after()
            return bool(self.read_value(OPEN) == 0)

        wait_until(is_settled, what="everything is settled", seconds=seconds)

    def check(self, answers: Iterable[Answer], *, lost: int = 0, underway: int = UNDERWAY_TOKENS_MAX) -> None:
        """
        Wait until everything is settled, and hold the books against what reached the buyers.

        Every answer that began is charged at least its last checkpoint and at most what was delivered; what
        nobody saw is charged to nobody, but for so many answers as may have been `lost` with their
        connections when they were charged already; the wallet lost the sum of the charges, and the ledger
        verifies. `underway`: how many tokens may have been sent to one who hung up and did not see them.
        """
        self.wait_settled()
        bills = self.read_bills()
        seen = {answer.job: answer for answer in answers if answer.job}
        assert set(seen) <= set(bills)
        for job, bill in bills.items():
            delivered = _count_delivered(seen.get(job), underway=underway)
            if job not in seen and bill.billed_out and lost:
                lost -= 1
                delivered = bill.billed_out
            assert bill.checkpoint <= (bill.billed_out or 0) <= delivered, (bill, seen.get(job))
            assert (bill.amount or 0) <= bill.held, bill
            if job in seen and (cost := seen[job].cost) is not None:
                assert Decimal(cost) == bill.amount, bill
        charged = sum((bill.amount or Decimal(0) for bill in bills.values()), Decimal(0))
        assert self._posted - self._read_posted() == charged
        self.verify()

    def verify(self) -> None:
        """Run `ledger verify`; nothing is held for finished work or put aside for an operator."""
        connections["default"].close()
        said = io.StringIO()
        try:
            call_command("ledger", "verify", stdout=said)
        except SystemExit:
            raise AssertionError(said.getvalue()) from None
        assert self.read_value("SELECT count(*) FROM charge_quarantine") == 0
        assert self.read("SELECT id, held FROM scope WHERE held <> 0") == []


def _count_delivered(answer: Answer | None, *, underway: int) -> int:
    if answer is None:
        return 0
    return answer.deltas + (underway if answer.left and answer.deltas else 0)
