"""
A year of prices made from stated assumptions, for demonstrations where no real series may be shown.

Nothing here is measured. A price is what is left of demand after sun and wind, times a slope, plus a level:
demand has a shape over the day and rests at weekends, the sun follows the clear-sky elevation at a latitude
under passing clouds, the wind wanders. Where sun and wind cover more than demand, prices fall below zero.
Floats are used on the way, because nothing here is money before it is rounded to cents.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from core.quantities import format_plain, round_half_even
from marketplace.feeds.points import Point, Reading

STEP = timedelta(minutes=15)
STEPS_PER_DAY = 96
WEEKEND = 5
AXIAL_TILT = 23.44


@dataclass(frozen=True, slots=True)
class Assumptions:
    """
    What a synthetic series is made from. Demand, sun and wind are in units of mean demand; `level` is the
    price at which nothing is left of demand, `slope` the price of one whole mean demand, both in `currency`
    per MWh.

    `sun` is the greatest output of all panels, `wind` the mean output of all turbines, `gusts` how far that
    departs from the mean, `calm_hours` how long it takes to turn, `weekend` by how much demand rests. Prices
    stay between `low` and `high`.
    """

    currency: str
    time_zone: str
    latitude: float
    level: float
    slope: float
    sun: float
    wind: float
    gusts: float
    calm_hours: float
    weekend: float
    low: int
    high: int

    def describe(self, *, seed: int) -> dict[str, Any]:
        """Everything that makes the same series again."""
        return {"synthetic": True, "seed": seed} | asdict(self)


PRESETS = {
    # Set so that about 450 hours of the year are negative, as the German day-ahead market had in 2024 (457).
    "germany": Assumptions(
        currency="EUR",
        time_zone="Europe/Berlin",
        latitude=51.0,
        level=2.0,
        slope=165.0,
        sun=0.92,
        wind=0.28,
        gusts=0.27,
        calm_hours=30.0,
        weekend=0.14,
        low=-500,
        high=1000,
    ),
    # A province with much sun and a midday valley; prices seldom below zero, in yuan.
    "gansu": Assumptions(
        currency="CNY",
        time_zone="Asia/Shanghai",
        latitude=36.0,
        level=60.0,
        slope=420.0,
        sun=0.95,
        wind=0.22,
        gusts=0.2,
        calm_hours=24.0,
        weekend=0.05,
        low=-50,
        high=1500,
    ),
}


def generate(assumptions: Assumptions, *, start: datetime, end: datetime, seed: int) -> Reading:
    """Prices of every quarter of an hour from `start` to `end`; the same seed gives the same prices."""
    points = tuple(_generate(assumptions, start.astimezone(UTC), end, seed))
    return Reading(points, int(STEP / timedelta(minutes=1)), "MWh", assumptions.currency)


def count_negative_hours(reading: Reading) -> Decimal:
    """Hours of a reading whose price is below zero."""
    steps = sum(point.value < 0 for point in reading.points)
    return Decimal(steps * reading.resolution) / 60


def summarise(reading: Reading) -> str:
    """Mean, span and negative hours in one line."""
    values = [point.value for point in reading.points]
    mean = format_plain(round_half_even(sum(values, Decimal(0)) / len(values), 2))
    return (
        f"{len(values)} points, mean {mean}, {min(values)} to {max(values)} "
        f"{reading.currency}/{reading.unit}, {count_negative_hours(reading):g} negative hours"
    )


def _generate(assumptions: Assumptions, start: datetime, end: datetime, seed: int) -> Iterator[Point]:
    zone = ZoneInfo(assumptions.time_zone)
    day, clouds, noise = None, 0.0, [0.0]
    moment = start
    while moment < end:
        if moment.date() != day:
            # Weather is drawn from the date, so that a series that is gone on with meets what was there.
            day = moment.date()
            chance = _draw(seed, day)
            # A day is clear or not as a whole.
            clouds = chance.betavariate(2.0, 3.0)
            noise = [chance.gauss(0, 3) for _ in range(STEPS_PER_DAY)]
        local = moment.astimezone(zone)
        left = (
            _find_demand(assumptions, local)
            - assumptions.sun * _find_sun(assumptions.latitude, local) * (1 - 0.75 * clouds)
            - max(assumptions.wind + assumptions.gusts * _find_gust(assumptions, moment, seed), 0.0)
        )
        step = (moment.hour * 60 + moment.minute) // 15
        price = assumptions.level + assumptions.slope * left + noise[step]
        bounded = min(max(price, assumptions.low), assumptions.high)
        yield Point(moment, round_half_even(Decimal(repr(bounded)), 2))
        moment += STEP


def _draw(*names: object) -> random.Random:
    return random.Random(":".join(map(str, names)))  # noqa: S311


@cache
def _draw_anchor(seed: int, number: int) -> float:
    return _draw(seed, "wind", number).gauss(0, 1)


def _find_gust(assumptions: Assumptions, moment: datetime, seed: int) -> float:
    """How the wind departs from its mean: between two anchors it turns smoothly from one to the other."""
    number, part = divmod(moment.timestamp() / 3600 / assumptions.calm_hours, 1)
    turn = (1 - math.cos(math.pi * part)) / 2
    before, after = _draw_anchor(seed, int(number)), _draw_anchor(seed, int(number) + 1)
    return before * (1 - turn) + after * turn


def _find_demand(assumptions: Assumptions, local: datetime) -> float:
    hour = local.hour + local.minute / 60
    season = 0.08 * math.cos(2 * math.pi * (local.timetuple().tm_yday - 15) / 365)
    morning = 0.12 * math.exp(-((hour - 9) ** 2) / 8)
    evening = 0.20 * math.exp(-((hour - 19) ** 2) / 6)
    night = -0.16 * math.exp(-((min(hour, 24 - hour) - 3) ** 2) / 10)
    rest = assumptions.weekend if local.weekday() >= WEEKEND else 0.0
    return 0.95 + season + morning + evening + night - rest


def _find_sun(latitude: float, local: datetime) -> float:
    """Sine of the sun's elevation by the clock, 0 at night."""
    day = local.timetuple().tm_yday
    tilt = math.radians(AXIAL_TILT) * math.sin(2 * math.pi * (day - 81) / 365)
    angle = math.radians(15 * (local.hour + local.minute / 60 - 12.5))
    place = math.radians(latitude)
    return max(math.sin(place) * math.sin(tilt) + math.cos(place) * math.cos(tilt) * math.cos(angle), 0.0)
