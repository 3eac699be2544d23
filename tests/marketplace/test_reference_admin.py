"""Operators look at reference data and series, and edit none of it."""

import io

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from marketplace.models import ReferenceFigure, ReferenceVersion, Series
from tests.databases import Database
from tests.signing_in import sign_in_operator

TABLES = ["referenceversion", "referencefigure", "sitefigure", "series", "seriesfeed"]


@pytest.fixture
def operator(db: Database) -> Client:
    """The browser of an operator, where everything is loaded."""
    call_command("reference", "load", stdout=io.StringIO())
    call_command("series", "synthesise", "demo", "--days", "12", stdout=io.StringIO())
    return sign_in_operator(User.objects.create_superuser("operator@example.org", "a long password"))


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_listed_and_nothing_is_added(operator: Client, table: str) -> None:
    assert operator.get(f"/admin/marketplace/{table}/").status_code == 200
    assert operator.get(f"/admin/marketplace/{table}/add/").status_code == 403


def test_a_version_tells_its_source_and_how_much_is_verified(operator: Client) -> None:
    page = operator.get("/admin/marketplace/referenceversion/?name=default_pue").content.decode()

    assert ReferenceVersion.objects.get(name="default_pue").source in page
    assert "facts, no licence claimed" in page
    assert 'class="field-verified' in page


def test_what_is_not_verified_can_be_picked_out(operator: Client) -> None:
    page = operator.get("/admin/marketplace/referencefigure/?verified__exact=0&q=immersion").content.decode()

    assert "reported for the Qingyang hall" in page
    assert "one hall" in page


@pytest.mark.parametrize("page", ["change/", "delete/"])
def test_a_figure_is_not_changed(operator: Client, page: str) -> None:
    row = ReferenceFigure.objects.get(key="immersion")

    answer = operator.post(f"/admin/marketplace/referencefigure/{row.pk}/{page}", {"key": "x"})

    assert answer.status_code == 403


def test_a_figure_shows_what_it_says(operator: Client) -> None:
    row = ReferenceFigure.objects.get(key="cn-guizhou")

    page = operator.get(f"/admin/marketplace/referencefigure/{row.pk}/change/").content.decode()

    assert "jouleport-tariff/1" in page
    assert "Illustrative." in page


def test_a_series_says_that_it_is_synthetic_and_what_is_missing(operator: Client) -> None:
    series = Series.objects.get()

    page = operator.get(f"/admin/marketplace/series/{series.pk}/change/").content.decode()

    assert "Synthetic prices like germany" in page
    assert "0 gaps in 7 days" in page
    assert '"calm_hours"' in page
