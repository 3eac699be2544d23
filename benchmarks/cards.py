"""
Price cards ahead: 10,000 live offers at 500 sites with five prices a day, published by one process
for the days that cards are published ahead, through the service that the task worker calls.
"""

import json
import os
import subprocess
import sys

import psycopg

from benchmarks.exchange import REPOSITORY, open_exchange
from benchmarks.report import Figure

SITES, OFFERS_A_SITE = 500, 20
TARIFF = {
    "format": "jouleport-tariff/1",
    "name": "valley",
    "version": 1,
    "currency": "USD",
    "zone": "Asia/Shanghai",
    "valid_from": "2020-01-01",
    "grade": "S",
    "verified": True,
    "components": [
        {"kind": "FIXED_ENERGY", "name": "energy", "price": "0.06", "floats": True},
        {"kind": "T&D", "name": "transport", "price": "0.02"},
        {"kind": "LEVY", "name": "levy", "price": "0.004"},
    ],
    "multipliers": [
        {"start": "00:00", "end": "07:00", "multiplier": "1", "period": "flat"},
        {"start": "07:00", "end": "09:00", "multiplier": "1.5", "period": "peak"},
        {"start": "09:00", "end": "17:00", "multiplier": "0.5", "period": "valley"},
        {"start": "17:00", "end": "23:00", "multiplier": "1.5", "period": "peak"},
        {"start": "23:00", "end": "00:00", "multiplier": "1", "period": "flat"},
    ],
}
WORK = """
import json, resource, time
import django
django.setup()
from django.utils import timezone
from marketplace import publishing
started = time.perf_counter()
done = publishing.publish_ahead(now=timezone.now(), seconds_max=600)
first = time.perf_counter() - started
started = time.perf_counter()
publishing.publish_ahead(now=timezone.now(), seconds_max=600)
print(json.dumps({"offers": done.offers, "cards": done.cards, "seconds": first,
                  "idle": time.perf_counter() - started,
                  "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def measure() -> list[Figure]:
    """Seconds and memory of publishing everything, and of finding that nothing is to be done."""
    with open_exchange(buyers=1) as exchange:
        script = (REPOSITORY / "benchmarks" / "cards.sql").read_text(encoding="utf-8")
        given = {"sites": str(SITES), "offers_a_site": str(OFFERS_A_SITE), "document": _quote(TARIFF)}
        for name, value in given.items():
            script = script.replace(f":{name}", value)
        with psycopg.connect(exchange.owner_url, autocommit=True) as connection:
            connection.execute(script.encode())
        environ = {
            **exchange.environ,
            "REDIS_URL": "redis://127.0.0.1:1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        done = subprocess.run(
            [sys.executable, "-c", WORK],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, **environ},
            text=True,
        )
    told = json.loads(done.stdout.splitlines()[-1])
    return [
        Figure(f"cards of {told['offers']:,} offers ahead", told["seconds"], "s", goal="20 s"),
        Figure("cards published", told["cards"] / told["seconds"], "cards/s"),
        Figure("nothing to publish", told["idle"], "s"),
        Figure("publishing, peak memory", told["memory"], "MB", goal="500 MB"),
    ]


def _quote(document: object) -> str:
    return "'" + json.dumps(document).replace("'", "''") + "'"
