"""More buyers at once than a wallet can pay for."""

from decimal import Decimal

import openai
import psycopg

from tests.faults.books import Books
from tests.faults.buyers import Crowd
from tests.faults.plant import Plant, wait_until
from tests.faults.seed import make_buyer
from tests.faults.watching import watched

BUYERS = 200
# Fewer than the cheap seller has slots, so that nobody has to move to a dearer one.
ROOM = 10
TOKENS = 1500
AVAILABLE = "SELECT posted - held - floor FROM scope WHERE id = %s"


def test_two_hundred_at_once_on_a_wallet_with_room_for_ten(plant: Plant, books: Books, crowd: Crowd) -> None:
    [one] = crowd.ask(tokens=TOKENS, leave_after=1)
    crowd.wait_ended([one])
    books.wait_settled()
    held = books.read_bills()[one.job].held
    poor = make_buyer("Poor", funds=str(ROOM * held + held / 2))
    ledger = Books(plant, poor)

    with (
        psycopg.connect(plant.cluster.url(), autocommit=True) as connection,
        Crowd(plant.url(), poor.key) as many,
    ):

        def look() -> Decimal:
            [row] = connection.execute(AVAILABLE, [poor.wallet_id]).fetchall()
            return Decimal(row[0])

        with watched(look) as available:
            asked = many.ask(BUYERS, tokens=TOKENS)
            wait_until(
                lambda: all(answer.deltas or answer.ended for answer in asked), what="everybody has an answer"
            )
            admitted = [answer for answer in asked if answer.deltas]
            for answer in admitted:
                many.leave(answer)
            many.wait_ended(asked)
            ledger.check(many.answers)

    assert len(admitted) == ROOM
    assert {refusal(answer.error) for answer in asked if not answer.deltas} == {
        (402, "false", "insufficient_funds")
    }
    assert min(available) >= 0
    assert min(available) < held


def refusal(error: openai.OpenAIError | None) -> tuple[int, str, str | None]:
    """Status, whether to ask again, and code."""
    assert isinstance(error, openai.APIStatusError), error
    assert isinstance(error.body, dict)
    assert {"message", "type", "param", "code"} <= error.body.keys()
    return error.status_code, error.response.headers["x-should-retry"], error.code
