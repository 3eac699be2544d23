"""What a tariff's document may say, and where a refusal points."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from marketplace.tariffs import documents
from marketplace.tariffs.components import Kind
from marketplace.tariffs.refusals import TariffInvalid
from marketplace.tariffs.tariff import Grade
from tests.marketplace.tariffs import examples

type Spoil = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("name", examples.TARIFFS)
def test_an_example_is_read_and_written_again(name: str) -> None:
    tariff = documents.parse_text(examples.TEXTS[name])

    written = documents.write_tariff(tariff)

    assert documents.write_tariff(documents.parse_tariff(json.loads(json.dumps(written)))) == written
    assert not tariff.verified


def test_the_page_shows_every_kind_of_component() -> None:
    shown = {part.kind for name in examples.TARIFFS for part in examples.tariff(name).components}

    assert shown == set(Kind)


def test_a_hash_does_not_depend_on_spelling() -> None:
    document = examples.document("gansu")
    before = documents.content_hash(tariff=documents.parse_tariff(document))
    document["components"][0]["price"] = "0.3"
    document["components"][1].pop("floats")
    document["multipliers"].reverse()
    document = dict(reversed(document.items()))

    after = documents.content_hash(tariff=documents.parse_tariff(document))

    assert after == before
    assert before == "sha256:52f9f92590951dce648affbd2d818bd743d49fe07508166fd60069e7a9b79b06"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["components"][0].update(price="0.300000001"),
        lambda d: d["components"][0].update(floats=False) or d["components"][1].update(floats=True),
        lambda d: d["components"].reverse(),
        lambda d: d["multipliers"][0].update(period="solar"),
        lambda d: d.update(version=2),
        lambda d: d.update(verified=True),
    ],
)
def test_a_hash_depends_on_everything_that_is_said(change: Spoil) -> None:
    document = examples.document("gansu")
    change(document)

    changed = documents.content_hash(tariff=documents.parse_tariff(document))

    assert changed != documents.content_hash(tariff=examples.tariff("gansu"))


SPOILT: list[tuple[str, Spoil, str, str]] = [
    ("gansu", lambda d: d.pop("format"), "format", "expected jouleport-tariff/1"),
    ("gansu", lambda d: d.pop("name"), "name", "missing"),
    ("gansu", lambda d: d.update(name="Gansu !"), "name", "small letters"),
    ("gansu", lambda d: d.update(colour="red"), "colour", "not known here"),
    ("gansu", lambda d: d.update(version=0), "version", "count from 1"),
    ("gansu", lambda d: d.update(version="1"), "version", "whole number"),
    ("gansu", lambda d: d.update(version=True), "version", "whole number"),
    ("gansu", lambda d: d.update(currency="yuan"), "currency", "currency code"),
    ("gansu", lambda d: d.update(zone="Asia/Lanzhou"), "zone", "no time zone"),
    ("gansu", lambda d: d.update(zone="../../etc/passwd"), "zone", "no time zone"),
    ("gansu", lambda d: d.update(valid_from="01/01/2026"), "valid_from", "YYYY-MM-DD"),
    ("gansu", lambda d: d.update(valid_to="2026-01-01"), "valid_to", "ends after"),
    ("gansu", lambda d: d.update(grade="A+"), "grade", "one of A, B, C, K, S"),
    ("gansu", lambda d: d.update(verified="no"), "verified", "true or false"),
    ("gansu", lambda d: d.update(calendar="cn"), "calendar", "no type of day asks"),
    ("gansu", lambda d: d.update(calendar=None), "calendar", "expected a text"),
    ("gansu", lambda d: d.update(valid_to=None), "valid_to", "leave it out"),
    ("gansu", lambda d: d.update(components=[]), "components", "1 to 64"),
    (
        "gansu",
        lambda d: d.update(components=[{**d["components"][1], "name": f"n{n}"} for n in range(65)]),
        "components",
        "1 to 64",
    ),
    ("gansu", lambda d: d.update(name="a" * 65), "name", "at most 64"),
    ("gansu", lambda d: d.update(source_url="a" * 2001), "source_url", "at most 2000"),
    ("gansu", lambda d: d.update(components=[{}] * 2001), "components", "at most 2000"),
    ("gansu", lambda d: d.update(components={}), "components", "expected a list"),
    ("gansu", lambda d: d.update(components=["energy"]), "components[0]", "expected an object"),
    ("gansu", lambda d: d["components"][0].pop("floats"), "multipliers", "no component floats"),
    ("gansu", lambda d: d["components"][0].update(kind="ENERGY"), "components[0].kind", "FIXED_ENERGY"),
    ("gansu", lambda d: d["components"][0].update(price=0.3), "components[0].price", "decimal as a string"),
    ("gansu", lambda d: d["components"][0].update(price="0"), "components[0].price", "zero"),
    ("gansu", lambda d: d["components"][0].update(price="-0.3"), "components[0].price", "not between"),
    ("gansu", lambda d: d["components"][0].update(price="1e3"), "components[0].price", "decimal literal"),
    ("gansu", lambda d: d["components"][0].update(price="NaN"), "components[0].price", "decimal literal"),
    ("gansu", lambda d: d["components"][0].update(price="0.0000000001"), "components[0].price", "9 decimal"),
    ("gansu", lambda d: d["components"][0].update(price="9999999"), "components[0].price", "not between"),
    ("gansu", lambda d: d["components"][0].update(cost="0.3"), "components[0].cost", "not known here"),
    ("gansu", lambda d: d["components"][1].update(name="energy"), "components[1].name", "already"),
    ("gansu", lambda d: d["components"][2].update(floats=True), "components[2].floats", "never moves DEMAND"),
    ("gansu", lambda d: d["components"][2].update(rate="0"), "components[2].rate", "zero"),
    ("gansu", lambda d: d["multipliers"][0].update(multiplier="0"), "multipliers[0].multiplier", "zero"),
    ("gansu", lambda d: d["multipliers"][0].update(multiplier="21"), "multipliers[0].multiplier", "20"),
    ("gansu", lambda d: d["multipliers"][0].pop("multiplier"), "multipliers[0].multiplier", "missing"),
    ("gansu", lambda d: d["multipliers"][0].update(price="1"), "multipliers[0].price", "not known here"),
    ("gansu", lambda d: d["multipliers"][0].update(end="24:30"), "multipliers[0].end", "time of day"),
    ("gansu", lambda d: d["multipliers"][0].update(start="9:00"), "multipliers[0].start", "time of day"),
    ("gansu", lambda d: d["multipliers"][0].update(start="24:00"), "multipliers[0].start", "23:59"),
    ("gansu", lambda d: d["multipliers"][0].update(end="09:00"), "multipliers[0].end", "empty"),
    ("gansu", lambda d: d["multipliers"][0].update(end="18:00"), "multipliers[2]", "overlap at 17:00"),
    ("gansu", lambda d: d["multipliers"][0].update(end="16:00"), "multipliers", "covers 16:00 to 17:00"),
    ("gansu", lambda d: d["multipliers"][0].update(end="16:59"), "multipliers", "covers 16:59 to 17:00"),
    ("gansu", lambda d: d.update(valid_from="0001-01-01"), "valid_from", "1990 to 2200"),
    ("gansu", lambda d: d["multipliers"][3].update(end="06:30"), "multipliers", "covers 06:30 to 07:00"),
    ("gansu", lambda d: d["multipliers"].append(d["multipliers"][0]), "multipliers[4]", "overlap"),
    ("gansu", lambda d: d["multipliers"][0].update(season="dry"), "multipliers[0].season", "no season dry"),
    ("gansu", lambda d: d.update(multipliers=d["multipliers"] * 501), "multipliers", "at most 2000"),
    ("zhejiang", lambda d: d.pop("calendar"), "calendar", "need a calendar"),
    ("zhejiang", lambda d: d["seasons"].pop(), "seasons", "02-01 is in no season"),
    ("zhejiang", lambda d: d["seasons"][1]["ranges"].append(["01-31", "02-01"]), "seasons[1]", "01-31"),
    (
        "zhejiang",
        lambda d: d["seasons"][0]["ranges"].append(["02-30", "03-01"]),
        "seasons[0].ranges[2][0]",
        "",
    ),
    ("zhejiang", lambda d: d["seasons"][1].update(name="high"), "seasons[1].name", "already"),
    ("zhejiang", lambda d: d["day_types"][0]["weekdays"].pop(), "day_types", "fri has no type"),
    ("zhejiang", lambda d: d["day_types"][1]["weekdays"].append("mon"), "day_types[1].weekdays", "mon"),
    ("zhejiang", lambda d: d["day_types"][1].update(weekdays=["Sat"]), "day_types[1].weekdays[0]", ""),
    ("zhejiang", lambda d: d["day_types"][1].update(holidays=True), "day_types[2].holidays", "already"),
    ("zhejiang", lambda d: d["day_types"][2].update(holidays=False), "day_types[2].weekdays", "no day"),
    ("zhejiang", lambda d: d["multipliers"].pop(1), "multipliers", "14:00 to 17:00 in other on work"),
    ("guizhou", lambda d: d["components"][1].update(of=["network"]), "components[1].of[0]", "before this"),
    ("guizhou", lambda d: d["components"][1].update(of=["losses"]), "components[1].of[0]", "before this"),
    ("guizhou", lambda d: d["components"][1].update(of=[]), "components[1].of", "at least one"),
    ("guizhou", lambda d: d["components"][1].update(percent="101"), "components[1].percent", "not between"),
    ("germany", lambda d: d["components"][0].update(term={}), "components[0].term.series", "missing"),
    ("germany", lambda d: d["components"][0]["term"].update(a="0"), "components[0].term.a", "zero"),
    ("germany", lambda d: d["components"][0]["term"].update(floor="2"), "components[0].term.floor", "above"),
    (
        "germany",
        lambda d: d["components"][0]["term"].update(lag_minutes=-5),
        "components[0].term.lag_minutes",
        "",
    ),
    (
        "germany",
        lambda d: d["components"][0]["term"].update(lag_periods=1),
        "components[0].term.lag_periods",
        "",
    ),
    (
        "germany",
        lambda d: d["components"][0]["term"].update(averaging="45"),
        "components[0].term.averaging",
        "",
    ),
    ("germany", lambda d: d["components"][0]["term"].update(forecast={}), "components[0].term.forecast", ""),
    ("virginia", lambda d: d["components"][0]["windows"].pop(), "components[0].windows", "on weekend"),
    ("virginia", lambda d: d["components"].pop(0), "components[3].of[0]", "energy is no component"),
    ("virginia", lambda d: d["components"][2].pop("ratchet_months"), "components[2].ratchet_months", ""),
    ("virginia", lambda d: d["components"][4].pop("rate_per_kw"), "components[4].amount", ""),
    ("rooftop", lambda d: d["components"][3].update(replaces=["vat"]), "components[3].replaces[0]", "vat"),
    ("rooftop", lambda d: d["components"][3]["volume"].update(kw="5"), "components[3].volume.series", ""),
    ("rooftop", lambda d: d["components"][3].update(shape="BASELOAD"), "components[3].volume.kw", ""),
    ("surplus", lambda d: d["components"][2]["lots"][0].update(kw="0"), "components[2].lots[0].kw", "zero"),
    (
        "surplus",
        lambda d: d["components"][2]["lots"][0].update(end="2026-05-01T04:00:00Z"),
        "components[2].lots[0].end",
        "",
    ),
    (
        "surplus",
        lambda d: d["components"][2]["lots"][0].update(start="2026-05-01T04:00"),
        "components[2].lots[0].start",
        "offset",
    ),
    (
        "surplus",
        lambda d: d["components"][2]["lots"][0].update(end="2026-05-02T05:00:00Z"),
        "components[2].lots[1]",
        "overlap",
    ),
    ("surplus", lambda d: d["components"].pop(0), "components[1].replaces[0]", "energy"),
    ("tiers", lambda d: d["components"][0]["tiers"].pop(), "components[0].tiers[1].up_to_kwh", "no end"),
    (
        "tiers",
        lambda d: d["components"][0]["tiers"][1].update(up_to_kwh="900"),
        "components[0].tiers[1].up_to_kwh",
        "above",
    ),
    ("tiers", lambda d: d["components"][2].pop("reference"), "components[2].reference", "CFD"),
]


@pytest.mark.parametrize(
    ("name", "spoil", "field", "words"), SPOILT, ids=[f"{n}-{row[2]}" for n, row in enumerate(SPOILT)]
)
def test_a_refusal_names_the_field(name: str, spoil: Spoil, field: str, words: str) -> None:
    document = examples.document(name)
    spoil(document)

    with pytest.raises(TariffInvalid) as refused:
        documents.parse_tariff(document)

    assert refused.value.field == field
    assert words in refused.value.problem
    assert refused.value.status == 422


def test_windows_of_all_components_are_counted_together() -> None:
    times = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(1441)]
    minutes = [{"start": a, "end": b, "price": "1"} for a, b in pairwise(times)]
    document = examples.document("gansu")
    document["components"][1:] = [
        {"name": name, "kind": "T&D", "windows": minutes} for name in ("network", "connection")
    ]

    with pytest.raises(TariffInvalid, match="at most 2000 windows in all"):
        documents.parse_tariff(document)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"name": "a", "name": "b"}', "said twice"),
        ('{"price": 0.3}', 'as a string: "0.3"'),
        ('{"price": NaN}', "as a string"),
        (" " * 1_000_001, "at most"),
        ("[]", "expected an object"),
        ("{}", "expected jouleport-tariff/1"),
    ],
)
def test_a_text_that_is_no_document_is_refused(text: str, words: str) -> None:
    with pytest.raises(TariffInvalid, match=words):
        documents.parse_text(text)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"name": "cn", "years": [2026]}, "holidays"),
        ({"name": "cn", "years": [2026], "holidays": {"2026-13-01": "x"}}, "holidays.2026-13-01"),
        ({"name": "cn", "years": [2026], "holidays": {"2027-01-01": "x"}}, "holidays"),
        ({"name": "cn", "years": ["2026"], "holidays": {}}, "years"),
        ({"name": "cn", "years": [2026], "holidays": {}, "days": []}, "days"),
        (
            {
                "name": "cn",
                "years": [2026],
                "holidays": {"2026-01-01": "x"},
                "makeup_workdays": ["2026-01-01"],
            },
            "makeup_workdays",
        ),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused(document: dict[str, Any], field: str) -> None:
    with pytest.raises(TariffInvalid) as refused:
        documents.parse_calendar(document)

    assert refused.value.field == field


def test_an_event_is_read_and_written_again() -> None:
    event = {
        "uid": "dr-1",
        "start": "2026-07-01T09:00:00Z",
        "end": "2026-07-01T10:00:00Z",
        "direction": "SHED",
        "kw": "500",
        "baseline_kw": "900",
        "pay_per_kwh": "3.2",
    }

    assert documents.write_event(documents.parse_event(event)) == event


def test_grades_are_those_of_the_evidence() -> None:
    assert examples.tariff("gansu").grade is Grade.C
