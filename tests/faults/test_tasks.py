"""The task worker dies while it posts charges."""

import os
import signal
from pathlib import Path

import psycopg

from config.embedded.postgres import OWNER_ROLE
from tests.billing import exchange
from tests.faults.books import Books
from tests.faults.plant import Plant, wait_until
from tests.faults.seed import Buyer, make_buyer

CHARGES = int(os.environ.get("FAULT_CHARGES", "1920"))
BATCH = 64
OUT_TOKENS = 10
POSTING = """
    SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%post_charges_v1%%' AND state = 'active'
       AND wait_event_type = 'Lock'
"""
POSTED = """
    SELECT count(*) AS charges, count(e.usage_id) AS posted, count(DISTINCT e.usage_id) AS once,
           sum(c.amount) AS amount
      FROM charge c LEFT JOIN charge_entry e ON e.usage_id = c.usage_id WHERE c.wallet_id = %s
"""


def queue_charges(plant: Plant, books: Books, buyer: Buyer) -> None:
    """Have a buyer use CHARGES attempts, as a gateway records them."""
    [key] = books.read("SELECT id FROM accounts_apikey WHERE organization_id = %s", buyer.organization_id)
    [account] = books.read("SELECT account_id AS id FROM scope WHERE id = %s", buyer.wallet_id)
    [offer] = books.read(
        "SELECT o.organization_id, o.id AS offer_id, c.id AS card_id, e.node_id, o.model_id FROM offer o"
        " JOIN price_card c ON c.offer_id = o.id JOIN endpoint e ON e.offer_id = o.id ORDER BY o.id LIMIT 1"
    )
    paying = exchange.Buyer(buyer.organization_id, key["id"], buyer.wallet_id, account["id"])
    seller = exchange.Seller(**offer)
    with psycopg.connect(plant.cluster.url(), autocommit=True) as connection:
        for _ in range(CHARGES // BATCH):
            admitted = exchange.admit_items(connection, [(paying, seller)] * BATCH, out_bound=OUT_TOKENS)
            assert {row["verdict"] for row in admitted} == {"ok"}
            attempts = [row["attempt_id"] for row in admitted]
            recorded = exchange.record_items(connection, attempts, out=OUT_TOKENS)
            assert {row["verdict"] for row in recorded} == {"ok"}


def test_charges_of_a_killed_task_worker_are_posted_once(plant: Plant, books: Books) -> None:
    plant.kill("beat", "tasks")
    buyer = make_buyer("Many", funds="100")
    queue_charges(plant, books, buyer)
    waiting = "SELECT count(*) FROM charge_queue WHERE wallet_id = %s"

    for kill_all in (True, False, True):
        # Posting takes the wallet's lock last: whoever holds it stops a worker in the middle of its work.
        with psycopg.connect(plant.cluster.url(OWNER_ROLE)) as holder:
            holder.execute("SELECT 1 FROM scope WHERE id = %s FOR UPDATE", [buyer.wallet_id])
            plant.start("tasks", "beat")
            wait_until(lambda: books.read_value(POSTING), what="a worker is posting")
            if kill_all:
                plant.kill("tasks")
            else:
                kill_children(plant.running["tasks"].pid)
            plant.kill("beat")
            assert books.read_value(waiting, buyer.wallet_id) == CHARGES
    plant.start("tasks", "beat")

    books.wait_settled()
    [posted] = books.read(POSTED, buyer.wallet_id)
    assert (posted["charges"], posted["posted"], posted["once"]) == (CHARGES,) * 3
    assert (
        books.read_value("SELECT 100 - posted FROM scope WHERE id = %s", buyer.wallet_id) == posted["amount"]
    )
    books.verify()


def kill_children(pid: int) -> None:
    """Kill the processes a program started, but not itself."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    for child in children.split():
        os.kill(int(child), signal.SIGKILL)
