"""The soak, for a few seconds: everything it does is done once."""

import random
from collections import Counter

import psycopg
import pytest

from config.embedded.postgres import SUPERUSER
from tests.faults import soak
from tests.faults.bank import Bank
from tests.faults.books import Books
from tests.faults.buyers import Answer
from tests.faults.nemesis import Nemesis, laid_cables
from tests.faults.plant import Plant, wait_until

SECONDS = 8.0
RATE = 6.0
AWAY_SECONDS = 1.0


def test_money_adds_up_while_one_thing_after_another_breaks(
    plant: Plant, books: Books, chance: random.Random
) -> None:
    with laid_cables(plant) as cables:
        nemesis = Nemesis(plant, cables, chance=chance, away=AWAY_SECONDS)
        done = soak.run_round(plant, nemesis, chance=chance, seconds=SECONDS, rate=RATE, pause=(0.1, 0.5))
    soak.ask_hledger(plant)

    assert done.faults.total() > 1
    assert done.snapshots > 1
    assert done.answers["whole"] > 1
    assert 0 < done.charges <= done.answers.total()
    books.verify()


def test_a_sum_that_is_off_for_a_moment_is_seen(plant: Plant, books: Books, chance: random.Random) -> None:
    def look() -> None:
        with Bank(plant.cluster.url(), chance=chance) as bank:
            add_to_wallet(plant, 1)
            seen = bank.snapshots
            wait_until(lambda: bank.snapshots > seen + 1, what="the bank has looked")
            add_to_wallet(plant, -1)

    with pytest.raises(AssertionError, match="wallets_equal_postings"):
        look()
    books.verify()


def add_to_wallet(plant: Plant, amount: int) -> None:
    """Change what a wallet says it has, against all rules."""
    with psycopg.connect(plant.cluster.url(SUPERUSER), autocommit=True) as root:
        root.execute("SET session_replication_role = replica")
        root.execute(
            "UPDATE scope SET posted = posted + %s WHERE id = %s", [amount, plant.cast.buyer.wallet_id]
        )


def test_an_answer_that_ends_without_a_word_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="no way to end"):
        soak.judge(Answer(deltas=3))


def test_tallies_add_up() -> None:
    tally = soak.Tally()
    for _ in range(2):
        tally.add(soak.Tally(Counter(whole=2), Counter({"kill redis": 1}), charges=2, snapshots=9, rounds=1))

    assert str(tally) == "2 rounds, 4 requests (4 whole), 4 charges, 18 snapshots, 2 faults (kill redis 2)"
