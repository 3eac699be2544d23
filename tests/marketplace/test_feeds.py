"""Each source is asked and read as it documents, and nonsense is refused with its reason."""

import io
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.errors import DomainError
from core.outgoing import CallFailed, GuardedTransport, Policy
from marketplace.feeds import (
    calls,
    csv_files,
    electricity_maps,
    energy_charts,
    entsoe,
    octopus,
    synthetic,
)
from marketplace.feeds.points import (
    Expected,
    FeedNonsense,
    Point,
    Reading,
    Span,
    check_reading,
    find_gaps,
)
from marketplace.feeds.requests import Request
from tests.core.servers import Server
from tests.marketplace import answers
from tests.marketplace.answers import DAY, ZONE

QUARTER = timedelta(minutes=15)
EUROS = Expected(15, "MWh", "EUR", Decimal(-5_000), Decimal(50_000))
WHOLE = Span(DAY, DAY + timedelta(days=1))


def values(reading: Reading) -> list[tuple[datetime, Decimal]]:
    return [(point.starts_at, point.value) for point in reading.points]


def test_energy_charts() -> None:
    reading = energy_charts.read_answer(answers.ENERGY_CHARTS, "DE-LU")

    assert (reading.resolution, reading.currency, reading.unit) == (15, "EUR", "MWh")
    assert values(reading) == [
        (DAY, Decimal("85.31")),
        (DAY + QUARTER, Decimal("-0.02")),
        (DAY + 3 * QUARTER, Decimal("-12.5")),
    ]


def test_energy_charts_is_asked_for_a_zone_and_a_span() -> None:
    request = energy_charts.make_request("DE-LU", WHOLE, "")

    assert request.url == (
        "https://api.energy-charts.info/price?bzn=DE-LU&start=2026-03-28T23%3A00Z&end=2026-03-29T23%3A00Z"
    )


def test_octopus_gives_pounds_without_tax_in_the_order_of_time() -> None:
    reading = octopus.read_answer(answers.OCTOPUS, "")

    assert (reading.resolution, reading.currency, reading.unit) == (30, "GBP", "kWh")
    assert values(reading) == [(DAY, Decimal("0.187")), (DAY + 2 * QUARTER, Decimal("-0.015"))]


def test_octopus_is_asked_for_a_product_and_its_tariff() -> None:
    request = octopus.make_request("AGILE-24-10-01/E-1R-AGILE-24-10-01-C", WHOLE, "")

    assert request.url == (
        "https://api.octopus.energy/v1/products/AGILE-24-10-01/electricity-tariffs/E-1R-AGILE-24-10-01-C"
        "/standard-unit-rates/?period_from=2026-03-28T23%3A00Z&period_to=2026-03-29T23%3A00Z&page_size=1500"
    )


def test_electricity_maps_keeps_what_is_an_estimate_apart() -> None:
    reading = electricity_maps.read_answer(answers.ELECTRICITY_MAPS, "DE")

    assert (reading.resolution, reading.currency, reading.unit) == (60, "", "kWh")
    assert reading.points == (
        Point(DAY, Decimal(302)),
        Point(DAY + timedelta(hours=2), Decimal("288.4"), estimated=True),
    )


def test_electricity_maps_gets_its_key_in_a_header_that_is_not_shown() -> None:
    request = electricity_maps.make_request("DE", WHOLE, "hush")

    assert request.headers == {"auth-token": "hush"}
    assert "hush" not in repr(request)


def test_entsoe_repeats_what_its_curve_leaves_out() -> None:
    reading = entsoe.read_answer(answers.write_entsoe(), ZONE)

    assert (reading.resolution, reading.currency, reading.unit) == (15, "EUR", "MWh")
    assert reading.published_at == datetime(2026, 3, 28, 12, 3, tzinfo=UTC)
    assert [str(value) for _, value in values(reading)] == [
        "85.310000000",
        "-0.020000000",
        "-0.020000000",
        "-12.500000000",
    ]


def test_entsoe_leaves_gaps_where_nothing_is_repeated() -> None:
    reading = entsoe.read_answer(answers.write_entsoe(curve="A01"), ZONE)

    assert [start for start, _ in values(reading)] == [DAY, DAY + QUARTER, DAY + 3 * QUARTER]


def test_entsoe_takes_the_coupled_auction() -> None:
    reading = entsoe.read_answer(answers.write_entsoe(other_auction=True), ZONE)

    assert max(value for _, value in values(reading)) < 999


def test_entsoe_is_asked_with_a_token_that_is_not_shown() -> None:
    request = entsoe.make_request(ZONE, WHOLE, "hush")

    assert "securityToken=hush&documentType=A44" in request.url
    assert "periodStart=202603282300&periodEnd=202603292300" in request.url
    assert "hush" not in repr(request)


def read_csv(text: str, *, unit: str = "MWh", currency: str = "EUR", location: str = "") -> Reading:
    return csv_files.read_file(io.StringIO(text), unit=unit, currency=currency, location=location)


def test_our_own_files_know_estimates() -> None:
    assert read_csv(answers.OURS).points == (
        Point(DAY, Decimal("85.31")),
        Point(DAY + QUARTER, Decimal("-12.5"), estimated=True),
    )


def test_files_of_gridstatus() -> None:
    reading = read_csv(answers.GRIDSTATUS, currency="USD")

    assert values(reading) == [(DAY, Decimal("21.5")), (DAY + QUARTER, Decimal("-7.25"))]


def test_of_several_locations_one_is_chosen() -> None:
    rows = answers.GRIDSTATUS.splitlines()
    both = "\n".join([*rows, rows[1].replace("HB_WEST", "HB_NORTH"), rows[2].replace("HB_WEST", "HB_NORTH")])

    with pytest.raises(FeedNonsense, match=r"line 4: there are several; choose one"):
        read_csv(both, currency="USD")
    assert len(read_csv(both, currency="USD", location="HB_NORTH").points) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("when,price\n", "line 1: the columns are not starts_at, value"),
        ("", "line 1: the columns are not"),
        ("starts_at,value\n2026-03-28T23:00:00Z,much\n", "line 2: 'much' at .* is no finite number"),
        ("starts_at,value\n2026-03-28T23:00:00Z,NaN\n", "line 2: 'NaN' at .* is no finite number"),
        ("starts_at,value\n2026-03-28T23:00:00,1\n", "line 2: .* has no offset from UTC"),
        ("starts_at,value\nyesterday,1\n", "line 2: 'yesterday' is no moment"),
        ("starts_at,value\n0001-01-01T00:00+05:00,1\n", "line 2: '0001-.*' is no moment"),
        ('"starts_at"x,value\n', "line 1: ',' expected"),
        ("starts_at,value\n2026-03-28T23:00:00Z\n", "line 2: another number of fields"),
        ("starts_at,value\n2026-03-28T23:00:00Z,1,2\n", "line 2: another number of fields"),
        ("starts_at,value,estimated\n2026-03-28T23:00:00Z,1,perhaps\n", "line 2: 'perhaps' is neither"),
        (
            "starts_at,value\n2026-03-28T23:15:00Z,1\n2026-03-28T23:00:00Z,1\n",
            "line 3: time does not go on",
        ),
        (
            "starts_at,value\n2026-03-28T23:00:00Z,1\n2026-03-28T23:00:00Z,1\n",
            "line 3: time does not go on",
        ),
        (
            "starts_at,value\n2026-03-28T23:00:00Z,1\n2026-03-28T23:07:00Z,1\n",
            "points 7 minutes apart are no series",
        ),
        ("starts_at,value\n2026-03-28T23:00:00Z,1\n", "points 0 minutes apart are no series"),
    ],
)
def test_a_file_that_cannot_be_names_the_line(text: str, reason: str) -> None:
    with pytest.raises(FeedNonsense, match=reason):
        read_csv(text)


@pytest.mark.parametrize(
    ("read", "body", "reason"),
    [
        (energy_charts.read_answer, b"<html>Bad gateway</html>", "no JSON"),
        (energy_charts.read_answer, b"[]", "no unix_seconds"),
        (energy_charts.read_answer, b'{"unix_seconds":[1],"price":[NaN],"unit":"EUR / MWh"}', "holds NaN"),
        (energy_charts.read_answer, b'{"unix_seconds":[1],"price":[1],"unit":"ct / kWh"}', "in ct/kWh"),
        (
            energy_charts.read_answer,
            b'{"unix_seconds":[1,2],"price":[1],"unit":"EUR / MWh"}',
            "2 times",
        ),
        (energy_charts.read_answer, b'{"unix_seconds":["1"],"price":[1],"unit":"EUR / MWh"}', "no moment"),
        (energy_charts.read_answer, b'{"unix_seconds":[9e99],"price":[1],"unit":"EUR / MWh"}', "no moment"),
        (
            energy_charts.read_answer,
            b'{"unix_seconds":[0,900],"price":["x",1],"unit":"EUR / MWh"}',
            "'x' at .* is no finite number",
        ),
        (
            energy_charts.read_answer,
            b'{"unix_seconds":[0,900],"price":[1e999999,1],"unit":"EUR / MWh"}',
            "is no finite number",
        ),
        (energy_charts.read_answer, b"[" * 100_000, "no JSON"),
        (octopus.read_answer, b'{"results":[],"next":"https://elsewhere"}', "another page"),
        (octopus.read_answer, answers.OCTOPUS.replace(b"00:00:00Z", b"04:00:00Z"), "holds until"),
        (octopus.read_answer, answers.OCTOPUS.replace(b"18.7,", b"true,"), "'True' at"),
        (electricity_maps.read_answer, answers.ELECTRICITY_MAPS.replace(b'"DE"', b'"FR"', 1), "about FR"),
        (electricity_maps.read_answer, answers.ELECTRICITY_MAPS.replace(b"hourly", b"yearly"), "is yearly"),
        (
            electricity_maps.read_answer,
            answers.ELECTRICITY_MAPS.replace(b'"lifecycle"', b'"direct"', 1),
            "other factors",
        ),
        (entsoe.read_answer, answers.ENTSOE_NOTHING, "no data: No matching data found"),
        (entsoe.read_answer, b"not xml", "no XML"),
        (entsoe.read_answer, b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', "declares entities"),
        (entsoe.read_answer, b"<html/>", "is a html"),
        (entsoe.read_answer, answers.write_entsoe(zone="10YFR-RTE------C"), "another zone"),
        (entsoe.read_answer, answers.write_entsoe({0: "1"}), "at position 0"),
        (entsoe.read_answer, answers.write_entsoe({5: "1"}), "at position 5"),
        (entsoe.read_answer, answers.write_entsoe({1: "NaN"}), "'NaN' at"),
        (entsoe.read_answer, answers.write_entsoe(resolution="P1D"), "of 0 minutes"),
        (entsoe.read_answer, answers.write_entsoe(curve="A05"), "a curve A05"),
        (entsoe.read_answer, answers.write_entsoe().replace(b"MWH", b"MAW"), "not per MWh"),
    ],
    ids=lambda given: given if isinstance(given, str) else "answer",
)
def test_an_answer_that_cannot_be_is_refused_with_its_reason(
    read: Callable[[bytes, str], Reading], body: bytes, reason: str
) -> None:
    place = ZONE if read is entsoe.read_answer else "DE"

    with pytest.raises(FeedNonsense, match=reason):
        read(body, place)


def at(number: int, value: str = "1") -> Point:
    return Point(DAY + number * QUARTER, Decimal(value))


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (Reading((at(0),), 15, "kWh", "EUR"), "the source speaks of EUR/kWh, the series of EUR/MWh"),
        (Reading((at(0),), 15, "MWh", "USD"), "speaks of USD/MWh"),
        (Reading((at(0),), 5, "MWh", "EUR"), "steps of 5 minutes do not make steps of 15"),
        (Reading((at(0),), 7, "MWh", "EUR"), "steps of 7 minutes"),
        (Reading((), 15, "MWh", "EUR"), "there are 0 points"),
        (Reading((at(1), at(0)), 15, "MWh", "EUR"), "does not come after"),
        (Reading((at(0), at(0)), 15, "MWh", "EUR"), "does not come after"),
        (Reading((at(0, "50000.01"),), 15, "MWh", "EUR"), "is the unit another"),
        (Reading((at(0, "-5000.01"),), 15, "MWh", "EUR"), "is not between"),
        (Reading((at(1),), 60, "MWh", "EUR"), "not on a grid of 60 minutes"),
    ],
)
def test_nonsense_is_refused_with_its_reason(reading: Reading, reason: str) -> None:
    with pytest.raises(FeedNonsense, match=reason):
        check_reading(reading, EUROS)


def test_gaps_lie_between_before_and_behind() -> None:
    gaps = find_gaps(
        starts=[DAY + QUARTER, DAY + 3 * QUARTER], resolution=15, span=Span(DAY, DAY + 5 * QUARTER)
    )

    assert [(gap.start - DAY) / QUARTER for gap in gaps] == [0, 2, 4]


def test_steps_that_a_span_cuts_are_no_gaps() -> None:
    minute = timedelta(minutes=1)

    assert find_gaps(starts=[DAY], resolution=15, span=Span(DAY - minute, DAY + QUARTER + minute)) == []


def test_a_synthetic_year_has_negative_hours_and_can_be_made_again() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    preset = synthetic.PRESETS["germany"]

    year = synthetic.generate(preset, start=start, end=start + timedelta(days=365), seed=1)
    hundredth = start + timedelta(days=100)
    part = synthetic.generate(preset, start=hundredth, end=hundredth + timedelta(days=1), seed=1)
    other = synthetic.generate(preset, start=start, end=start + timedelta(days=1), seed=2)

    assert len(year.points) == 365 * 96
    assert 300 < synthetic.count_negative_hours(year) < 600
    assert check_reading(year, EUROS) == year.points
    # What is made of a part of the year meets what was made of the whole.
    assert part.points == year.points[100 * 96 : 101 * 96]
    assert other.points != year.points[:96]
    assert preset.describe(seed=1)["synthetic"] is True


def fetch(server: Server, waits: list[float], seconds: float = 5) -> bytes:
    policy = Policy(
        schemes=frozenset({"http"}),
        ports=frozenset({server.port}),
        deadline_seconds=seconds,
        allowed_addresses=frozenset({"127.0.0.1"}),
    )
    request = Request(f"http://127.0.0.1:{server.port}/price", {"auth-token": "hush"})
    return calls.fetch(request, transport=GuardedTransport(policy), sleep=waits.append)


def answer(*statuses: str) -> Callable[[socket.socket], None]:
    """Answer each connection with the next of these."""
    left = list(statuses)

    def send(connection: socket.socket) -> None:
        head, _, body = left.pop(0).partition("|")
        text = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        connection.sendall(text.encode())

    return send


def test_a_source_that_stumbles_is_asked_again() -> None:
    server = Server(answer("503 Busy|", "429 Slow\r\nRetry-After: 4|", "200 OK|here"))
    waits: list[float] = []

    assert fetch(server, waits) == b"here"
    assert waits == [1.0, 4.0]
    assert b"auth-token: hush" in server.requests[0]
    server.close()


@pytest.mark.parametrize(
    ("statuses", "calls_made"),
    [(["503 Busy|", "503 Busy|", "503 Busy|"], 3), (["401 No|"], 1), (["404 None|"], 1), (["302 Away|"], 1)],
)
def test_tries_are_bounded_and_a_no_is_a_no(statuses: list[str], calls_made: int) -> None:
    server = Server(answer(*statuses))
    waits: list[float] = []

    with pytest.raises(DomainError):
        fetch(server, waits)

    assert len(server.requests) == calls_made
    server.close()


def test_a_source_that_is_not_there_is_asked_three_times() -> None:
    server = Server(answer())
    waits: list[float] = []
    server.close()

    with pytest.raises(CallFailed):
        fetch(server, waits)

    assert waits == [1.0, 3.0]
