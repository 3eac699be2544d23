"""The trial market: simulated models on offer for test money, by ordinary means, made once."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts import audit, tokens
from accounts.models import Organization
from core.money import TEST_CURRENCY
from marketplace import sites
from marketplace.models import Offer, Site
from tests.databases import Database
from tests.market import DAM, RACK
from workers import jobs, nodes, trial
from workers.models import Endpoint, Node


def test_puts_simulated_models_on_offer_for_test_keys_alone(db: Database, now: datetime) -> None:
    token = trial.open_market(token=None, now=now)

    book = jobs.load_book()
    assert book.get_side(test=True).list_models() == sorted(trial.MODELS)
    assert book.get_side(test=False).list_models() == []
    node = Node.objects.select_related("agent_token").get()
    assert node.simulated
    assert bytes(node.agent_token.digest) == tokens.digest_token(token)
    assert {one.upstream_model for one in Endpoint.objects.all()} == set(trial.MODELS)


def test_is_made_once(db: Database, now: datetime) -> None:
    token = trial.open_market(token=None, now=now)

    assert trial.open_market(token=token, now=now) == token
    assert (Node.objects.count(), Offer.objects.count(), Site.objects.count()) == (1, 3, 1)


def test_a_lost_token_is_replaced_together_with_its_node(db: Database, now: datetime) -> None:
    first = trial.open_market(token=None, now=now)

    second = trial.open_market(token=None, now=now)

    assert first != second
    states = Node.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == [Node.State.RETIRED, Node.State.ACTIVE]
    assert {one.node_id for one in Endpoint.objects.all()} == {Node.objects.latest("id").pk}


def test_the_command_keeps_the_token_where_nobody_else_reads_it(
    db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agents" / "trial.token"
    call_command("open_trial", str(path))
    written = path.read_text()

    call_command("open_trial", str(path))

    assert path.read_text() == written
    assert path.stat().st_mode & 0o777 == 0o600
    assert written.strip() not in capsys.readouterr().out


def test_a_provider_does_not_sell_for_test_money(farm: Organization, now: datetime) -> None:
    described = replace(DAM, currency=TEST_CURRENCY)

    with pytest.raises(sites.SiteInvalid):
        sites.create_site(organization=farm, described=described, actor=audit.SYSTEM, now=now)


def test_a_node_at_a_real_site_is_not_simulated(farm: Organization, now: datetime) -> None:
    site = sites.create_site(organization=farm, described=DAM, actor=audit.SYSTEM, now=now)

    made = nodes.create_node(organization=farm, site=site, machine=RACK, actor=audit.SYSTEM, now=now)

    assert not made.node.simulated
    assert made.node.declared_watts_idle == Decimal(40)
