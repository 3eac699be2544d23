"""
Postings of django-hordak: `python hordak_books.py DATABASE_URL CLIENTS SECONDS` prints how many entries a
second so many processes made. Runs in an environment of its own; nothing of the product is imported.
"""

import importlib
import multiprocessing
import sys
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ACCOUNTS = 64


def configure(url: str) -> None:
    """Set Django up around the one application."""
    import django
    from django.conf import settings

    parts = urlsplit(url)
    place = dict(parse_qsl(parts.query))
    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "mptt",
            "djmoney",
            "hordak",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.lstrip("/"),
                "USER": parts.username,
                "PASSWORD": parts.password or "",
                "HOST": parts.hostname or place["host"],
                "PORT": parts.port or place["port"],
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        HORDAK_CURRENCIES=["USD"],
        HORDAK_INTERNAL_CURRENCY="USD",
        DEFAULT_CURRENCY="USD",
        CURRENCIES=["USD"],
        USE_TZ=True,
    )
    django.setup()


def find_accounts() -> Any:
    """Its accounts; it is imported late because Django has to be set up first."""
    return importlib.import_module("hordak.models").Account.objects


def post(url: str, number: int, seconds: float, done: Any) -> None:
    """Move a cent from a wallet to the bank until the time is over."""
    configure(url)
    from django.db import connection, transaction

    accounts = list(find_accounts().order_by("id"))
    bank, wallets = accounts[0], accounts[1:]
    cent, count = importlib.import_module("moneyed").Money("0.01", "USD"), 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        with transaction.atomic():
            wallets[(number * 31 + count) % len(wallets)].transfer_to(bank, cent)
        count += 1
    connection.close()
    done.put(count)


def main() -> None:
    """Make the tables and the accounts, then measure."""
    url, clients, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    configure(url)
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    accounts = find_accounts()
    if not accounts.exists():
        accounts.create(name="bank", code="1", type="AS", currencies=["USD"])
        for number in range(ACCOUNTS):
            accounts.create(name=f"wallet {number}", code=f"2{number:03}", type="LI", currencies=["USD"])
    connection.close()
    context = multiprocessing.get_context("spawn")
    done = context.Queue()
    workers = [context.Process(target=post, args=(url, n, seconds, done)) for n in range(clients)]
    for worker in workers:
        worker.start()
    counts = [done.get(timeout=seconds + 120) for _ in workers]
    for worker in workers:
        worker.join()
    print(sum(counts) / seconds)


if __name__ == "__main__":
    main()
