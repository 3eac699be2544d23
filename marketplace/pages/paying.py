"""What a price in another currency costs a reader's organization: the rate before any request."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest

from accounts import access
from accounts.access import Permission
from accounts.models import Organization, User
from accounts.pages.base import CURRENT
from billing import wallets
from billing.fx import paying
from billing.models import FxQuote
from core.errors import NotFound
from core.money import BPS
from core.quantities import EXACT, ROUNDING, round_half_even

PRICE_PLACES = 9


@dataclass(frozen=True, slots=True)
class Paying:
    """
    How a reader pays a price in `currency`: at `quote`, or (None) from no wallet that there is.

    `share` is the spread in hundredths of the middle rate; `price` what the page's price comes to.
    """

    organization: Organization
    currency: str
    quote: FxQuote | None
    share: Decimal
    price: Decimal | None


def describe_paying(
    request: HttpRequest, *, currencies: Iterable[str], now: datetime, price: Decimal | None = None
) -> list[Paying]:
    """
    Of prices in these currencies, those for which the reader's organization has no wallet of that currency.

    :param price: the one price of the page, which is then told in the wallet's currency, too
    """
    organization = _find_organization(request)
    if organization is None:
        return []
    mine = _list_wallets(organization)
    purse = paying.open_purse(wallets=mine, now=now) if mine else None
    told = []
    for currency in sorted(set(currencies) - {one.currency for one in mine}):
        quote = purse.find_quote(currency=currency) if purse else None
        share = EXACT.divide(Decimal(quote.spread_bps), Decimal(BPS)) if quote else Decimal(0)
        exact = ROUNDING.multiply(price, quote.rate) if quote and price is not None else None
        paid = None if exact is None else round_half_even(exact, PRICE_PLACES)
        told.append(Paying(organization, currency, quote, share, paid))
    return told


def find_currency(request: HttpRequest) -> str | None:
    """That of the first wallet of the reader's organization."""
    organization = _find_organization(request)
    mine = _list_wallets(organization) if organization else []
    return mine[0].currency if mine else None


def _list_wallets(organization: Organization) -> list[wallets.Wallet]:
    return [one for one in wallets.list_wallets(organization_id=organization.pk) if not one.is_test]


def _find_organization(request: HttpRequest) -> Organization | None:
    """That whose pages the reader saw last, if they may see its money."""
    uid = request.session.get(CURRENT) if isinstance(request.user, User) else None
    if uid is None or not isinstance(request.user, User):
        return None
    try:
        found = access.find_organization(user=request.user, uid=uid)
    except NotFound:
        return None
    granted = access.list_permissions(organization=found, user=request.user)
    return found if Permission.VIEW_MONEY in granted else None
