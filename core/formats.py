"""
Money, prices, numbers and moments as people read them, by CLDR (babel). Pure; imports no Django.

A currency is always its code: `$` is a dozen currencies and `¥` is two.
"""

from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext

from babel import Locale, dates, numbers

from core.money import AMOUNT_PLACES
from core.quantities import DIGITS

# Prices below a cent for a million tokens are real; four places would show them as nothing.
PRICE_PATTERN, SMALL_PRICE_PATTERN, SMALL_PRICE = "#,##0.00##", "#,##0.00######", Decimal("0.01")
MILLION = 1_000_000


def find_locale(language: str) -> Locale:
    """CLDR's locale of one of our languages: `zh-hans` is Chinese in simplified script."""
    return Locale.parse(language.replace("-", "_"), sep="_")


def show_amount(amount: Decimal, currency: str, *, locale: Locale) -> str:
    """
    An amount in the places its currency is paid in (JPY 0, CNY 2), cut toward zero.

    Cut and not rounded: nobody is shown money that is not quite there.
    """
    places = numbers.get_currency_precision(currency)
    with localcontext(prec=DIGITS):
        cut = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN)
    return show_decimal(cut, places=places, places_max=places, locale=locale)


def show_exactly(amount: Decimal, currency: str, *, locale: Locale) -> str:
    """An amount with every digit the ledger has, at least those its currency is paid in."""
    places = numbers.get_currency_precision(currency)
    return show_decimal(amount, places=places, places_max=AMOUNT_PLACES, locale=locale)


def show_price(price: Decimal, *, locale: Locale) -> str:
    """The price of one token as that of a million: up to four places, eight below a hundredth."""
    with localcontext(prec=DIGITS):
        value = price * MILLION
        pattern = PRICE_PATTERN if value >= SMALL_PRICE else SMALL_PRICE_PATTERN
        return numbers.format_decimal(value, format=pattern, locale=locale)


def show_decimal(value: Decimal, *, places: int = 0, places_max: int = 3, locale: Locale) -> str:
    """A number with grouped digits and at least `places`, at most `places_max` decimal places."""
    pattern = "#,##0" + ("." if places_max else "") + "0" * places + "#" * (places_max - places)
    with localcontext(prec=DIGITS):
        return numbers.format_decimal(value, format=pattern, locale=locale)


def show_moment(moment: datetime, *, locale: Locale, seconds: bool = False) -> str:
    """Date and time of day in the moment's own zone, and that zone's distance from UTC."""
    day = dates.format_date(moment, format="medium", locale=locale)
    pattern = "HH:mm:ss" if seconds else "HH:mm"
    return f"{day} {moment.strftime(pattern.replace('HH', '%H').replace('mm', '%M').replace('ss', '%S'))}"


def show_offset(moment: datetime) -> str:
    """`UTC`, or its distance from it: `UTC+05:30`."""
    offset = moment.utcoffset() or timedelta()
    if not offset:
        return "UTC"
    minutes = abs(int(offset.total_seconds())) // 60
    return f"UTC{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def show_day(day: date, *, locale: Locale) -> str:
    """A day of the calendar."""
    return dates.format_date(day, format="medium", locale=locale)


def show_short_day(day: date, *, locale: Locale) -> str:
    """A day under a bar of a chart: without its year."""
    return dates.format_skeleton("MMMd", day, locale=locale)


def show_age(age: timedelta, *, locale: Locale) -> str:
    """How long something takes or has waited: `3 minutes`."""
    return dates.format_timedelta(age, granularity="second", threshold=1.2, locale=locale)


def name_currency(code: str, *, locale: Locale) -> str:
    """A currency's code with its name in the language, where it has one: `CNY – Chinese Yuan`."""
    name = locale.currencies.get(code)
    return f"{code} – {name}" if name else code


def list_countries(locale: Locale) -> list[tuple[str, str]]:
    """Codes and names of countries (ISO 3166-1 alpha-2), by name."""
    found = {
        code: name
        for code, name in locale.territories.items()
        if len(code) == 2 and code.isalpha() and code not in NO_COUNTRIES
    }
    return sorted(found.items(), key=lambda country: country[1].casefold())


# In CLDR, and no country that an organization could be in.
NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"})
