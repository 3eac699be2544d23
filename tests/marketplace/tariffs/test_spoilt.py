"""Documents spoilt at random places: each is refused with a reason, or means something that can be priced."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from core.money import CurrencyMismatch
from marketplace.tariffs.documents import content_hash, load_json, parse_tariff, write_tariff
from marketplace.tariffs.pricing import segments
from marketplace.tariffs.refusals import TariffInvalid
from tests.marketplace.tariffs import examples
from tests.marketplace.tariffs.examples import power, prices, site, utc

WORDS = (
    *("", "0", "-1", "1", "0.5", "24:00", "00:00", "23:59", "07:30", "energy", "network", "cn", "mon"),
    *("02-29", "12-31", "2026-02-29", "2026-06-01", "9999-12-31", "2026-06-01T00:00:00Z", "DAY", "MONTH"),
    *("FIXED_ENERGY", "TAX_PCT", "PPA", "T&D", "DE-LU", "Europe/Berlin", "15", "\x00", "ø", "1e999999"),
    *("0" * 40, "Infinity"),
)
leaves = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from([None, True, False, 0, 1, -1, 2**70, 1.5, float("nan")]),
    st.text(max_size=8),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner)
)


def list_places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a document, as the container and the key in it."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        return [(value, key) for key in keys] + [place for key in keys for place in list_places(value[key])]
    return []


@given(name=st.sampled_from(examples.TARIFFS), data=st.data())
@settings(max_examples=400, deadline=None)
def test_a_spoilt_document_is_refused_or_priced(name: str, data: st.DataObject) -> None:
    document = examples.document(name)
    for _ in range(data.draw(st.integers(1, 2))):
        container, key = data.draw(st.sampled_from(list_places(document)))
        if data.draw(st.booleans()):
            container[key] = data.draw(values)
        elif isinstance(container, dict):
            container[data.draw(st.sampled_from(["colour", "kind", "price", "windows"]))] = container.pop(key)
        else:
            container.append(container[key])

    try:
        tariff = parse_tariff(document)
    except TariffInvalid:
        return
    assert content_hash(tariff=parse_tariff(write_tariff(tariff))) == content_hash(tariff=tariff)

    start = utc(2026, 7, 1)
    known = {
        **{one: prices(one, start, 60, ["-20", "80"] * 24) for one in ("DE-LU", "AGILE-C", "FI")},
        "roof-kw": power("roof-kw", start, 60, ["100", "0"] * 24),
    }
    where = site(tariff.currency, load_kw=Decimal(50), kwh_month=Decimal(36_500))
    try:
        found = segments(tariff=tariff, site=where, start=start, end=start + timedelta(days=1), series=known)
    except (DomainError, CurrencyMismatch):
        return
    assert sum(one.hours for one in found) == 24
    assert all(one.price == sum(one.components.values()) for one in found)


@given(text=st.text(max_size=60) | st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_text_that_is_no_document_is_refused(text: str | bytes) -> None:
    with pytest.raises(TariffInvalid):
        parse_tariff(load_json(text))
