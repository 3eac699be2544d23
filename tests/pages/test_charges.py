"""A charge opens into the lines of its card, for its buyer alone; what was sold is told to everybody."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from accounts.keys import IssuedKey
from accounts.models import Organization, Role
from billing import wallets
from billing.fx import paying, quotes
from billing.models import Charge
from billing.wallets import Wallet
from marketplace import volumes
from marketplace.models import Job
from tests.api.running import run_job
from tests.databases import Database
from tests.fx import exchanging as ex
from tests.market import Stand
from tests.pages.conftest import make_person, open_browser
from tests.workers.conftest import BLOB_KEY
from workers import build_ups, jobs
from workers.blobs import FolderStore
from workers.dispatcher.database import QUEUED, Queued
from workers.models import UsageRecord

BODY = b'{"model": "small", "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 50}'


@pytest.fixture
def charged(
    db: Database, stand: Stand, lab: Organization, lab_key: IssuedKey, lab_wallet: Wallet, tmp_path: Path
) -> Job:
    """A job of the lab that ran: 10 tokens in, 20 out."""
    submitted = jobs.submit_job(
        organization=lab,
        api_key=lab_key.key,
        body=BODY,
        now=datetime.now(UTC),
        store=FolderStore(tmp_path, keys=[BLOB_KEY]),
    )
    run_job(db, Job.objects.get(uid=submitted.uid), SimpleNamespace(stand=stand), tokens_out=20)
    return Job.objects.get(uid=submitted.uid)


def test_lines_add_up_to_what_was_rated(charged: Job, lab: Organization) -> None:
    explained = build_ups.explain_charge(organization=lab, job=charged.uid)

    charge = Charge.objects.get()
    assert (explained.used.input, explained.used.output) == (10, 20)
    assert round(explained.summed, 9) == charge.rated
    assert explained.charged == charge.amount
    assert abs(explained.difference) < Decimal("0.000000001")
    assert {line.name for line in explained.lines} >= {"electricity", "hardware", "platform_fee"}


def test_a_charge_in_another_currency_says_at_which_rate_it_was_paid(
    db: Database, stand: Stand, lab: Organization, lab_key: IssuedKey, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    ex.say("EUR", "USD", "1.25", as_of=now - ex.HOUR)
    ex.pay_in(lab, "50", "EUR")
    assert quotes.refresh_standing(prices=["USD"], now=now) == 1
    store = FolderStore(tmp_path, keys=[BLOB_KEY])
    purse = paying.open_purse(wallets=wallets.list_wallets(organization_id=lab.pk), now=now)
    with db.connect() as connection:
        query = "SELECT currencies || exchanged, rates FROM key_v3(%s)"
        known = connection.execute(query, [bytes(lab_key.key.digest)]).fetchone()
    # What deferred work is paid with is what a gateway pays with.
    assert known == (list(purse.payable), [Decimal(rate).scaleb(-18) for _, rate in purse.rates])
    submitted = jobs.submit_job(organization=lab, api_key=lab_key.key, body=BODY, now=now, store=store)
    with db.connect() as connection:
        [waiting] = connection.execute(QUEUED, [[], [], 10]).fetchall()
    assert Queued(*waiting).currency == "USD"
    run_job(db, Job.objects.get(uid=submitted.uid), SimpleNamespace(stand=stand), tokens_out=20)

    explained = build_ups.explain_charge(organization=lab, job=submitted.uid)
    reader = open_browser(make_person("owner@lab.example", organization=lab))
    page = reader.get(f"/console/{lab.uid}/charges/{submitted.uid}/").content.decode()

    assert abs(explained.difference) < Decimal("0.000000001")
    assert explained.paid.currency == "EUR"
    assert explained.exchanged is not None
    assert abs(explained.charged * explained.exchanged.quote.rate - explained.paid.amount) < Decimal("1e-9")
    assert 0 < explained.exchanged.spread.amount < explained.paid.amount
    assert f"/console/{lab.uid}/wallet/EUR/" in page
    assert f'value="{explained.paid.literal}"' in page
    # The rate is told before anybody asks for anything, to whoever may see the wallet.
    before = [f"/quotes/{explained.work.attempt.card.uid}/", "/models/small/"]
    assert all("One USD costs 0.80" in reader.get(path).content.decode() for path in before)
    assert not any("One USD costs" in open_browser().get(path).content.decode() for path in before)


def test_the_page_is_the_buyers_alone(charged: Job, lab: Organization, farm: Organization) -> None:
    buyer = open_browser(make_person("buyer@lab.example", organization=lab, role=Role.FINANCE))
    provider = open_browser(make_person("owner@farm.example", organization=farm))

    page = buyer.get(f"/console/{lab.uid}/charges/{charged.uid}/")

    assert page.status_code == 200
    assert re.search(r"joules\.output", page.content.decode())
    assert provider.get(f"/console/{farm.uid}/charges/{charged.uid}/").status_code == 404


def test_what_was_sold_is_counted_for_a_day(charged: Job) -> None:
    usage = UsageRecord.objects.get()

    volume = volumes.find_volume(now=datetime.now(UTC))

    assert (volume.tokens, volume.kwh, volume.records) == (30, usage.kwh, 1)
    later = usage.recorded_at + volumes.SPAN
    assert volumes.find_volume(now=later.replace(microsecond=0) + volumes.SLACK).records == 0
