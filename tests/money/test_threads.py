"""The same deeds by many at once, with real commits: whatever the order, the books are right at the end."""

import os
import random
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing import verification
from billing.models import Entry, Payout, Scope
from billing.stripe import movements
from tests import databases
from tests.cast import NOW
from tests.money.crowd import Person, Shared
from tests.money.machine import READ, READ_WALLETS
from tests.money.world import open_world

LONG = os.environ.get("PROOF") == "long"
PEOPLE, DEEDS, ROUNDS = (8, 400, 10) if LONG else (4, 40, 1)
pytestmark = [pytest.mark.sql, pytest.mark.race, pytest.mark.timeout(7200 if LONG else 240)]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_crowd_leaves_the_books_right(db: databases.Database, number: int) -> None:
    seed = random.SystemRandom().randrange(10**6) if LONG else 7
    with open_world(db) as world:
        shared = Shared(world)
        for currency, dollars in (("USDC", "1.25"), ("CNH", "0.16")):
            world.say_rate(currency, Decimal(dollars), shared.tick())
        for owner, currency in ((world.lab, "USD"), (world.fund, "USD"), (world.lab, "CNH")):
            now = shared.tick()
            world.top_up(owner, currency, Decimal(60), f"{owner.pk} {currency}", now, now)
            shared.note("CLEARING_BANK", currency, Decimal(60))
        people = [Person(shared, 1000 * seed + each) for each in range(PEOPLE)]
        threads = [threading.Thread(target=one.work, args=[DEEDS]) for one in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {str(failure) for failure in shared.failures} == set(), seed
        people[0].app = world.app
        people[0].post_charges()
        world.follow()
        check(shared, seed)


def test_two_who_book_what_stripe_lets_us_have_book_it_once(db: databases.Database) -> None:
    with open_world(db) as world:
        for _ in range(20):
            world.say_stripe_fee(Decimal(1), NOW)
    failures, start = list[BaseException](), threading.Barrier(4)

    def work() -> None:
        start.wait()
        try:
            movements.release_available(now=NOW + timedelta(days=9))
        except BaseException as failure:  # noqa: BLE001 - told to the test
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert Entry.objects.filter(kind="STRIPE_AVAILABLE").count() == 20


def check(shared: Shared, seed: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(READ)
        rows = cursor.fetchall()
        cursor.execute(READ_WALLETS)
        wallets = cursor.fetchall()
    sums: dict[str, Decimal] = {}
    outside: dict[tuple[str, str], Decimal] = {}
    for purpose, _, currency, amount in rows:
        sums[currency] = sums.get(currency, Decimal(0)) + amount
        if purpose in ("CLEARING_BANK", "CLEARING_CHAIN"):
            outside[purpose, currency] = amount
    for paid in Payout.objects.filter(state="PAID"):
        shared.came["CLEARING_BANK", "USD"] -= paid.amount

    assert not any(sums.values()), seed
    assert outside == {key: amount for key, amount in shared.came.items() if amount}, seed
    for owner, currency, posted, held, in_holds in wallets:
        assert posted >= held == in_holds, (seed, owner, currency)
        assert held >= 0
    assert Scope.objects.filter(posted__lt=0).count() == 0
    assert verification.verify() == [], seed
    # Hardly anything is refused for ever, or the crowd has proved little.
    assert Entry.objects.count() > PEOPLE * DEEDS / 4
    assert sum(shared.done.values()) > PEOPLE * DEEDS / 2, shared.refused
