"""The market for programs: public, read-only, some seconds old at most."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.utils import timezone
from django.utils.cache import patch_cache_control
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.filters import FilterRefused, apply_filters
from accounts.api.schema import PAGE_PARAMETERS, describe
from core.errors import NotFound
from core.keyset import Key, cut_page
from core.pagination import read_page_size
from marketplace import ahead, board, cards, leaderboards, public_prices, volumes
from marketplace.api import market_answers as answers
from marketplace.asks import Ask
from marketplace.models import Model

HOURS, HOURS_MAX = 48, 72
FRESH_SECONDS = 10
# A card never changes.
CARD_SECONDS = 86_400

MODEL = OpenApiParameter("model", OpenApiTypes.STR, description="Of this model only.")
PLACES = (
    OpenApiParameter("country", OpenApiTypes.STR, description="In this country only (ISO 3166-1 alpha-2)."),
    OpenApiParameter("region", OpenApiTypes.STR, description="In this region only."),
    OpenApiParameter("currency", OpenApiTypes.STR, description="In this currency only."),
)
OF_MODEL = OpenApiParameter("model", OpenApiTypes.STR, required=True, description="Of which model.")
HOURS_AHEAD = OpenApiParameter("hours", OpenApiTypes.INT, description=f"How far ahead, 1 to {HOURS_MAX}.")


@dataclass(frozen=True, slots=True)
class Offered:
    """An ask with who asks it."""

    seller: ahead.Seller
    ask: Ask


class MarketView(APIView):
    """A view for anybody; what it answers may be kept for `seconds`."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    seconds: ClassVar[int] = FRESH_SECONDS

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say how long the answer may be kept; a refusal may not be."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code == 200:
            patch_cache_control(answer, public=True, max_age=self.seconds)
        else:
            patch_cache_control(answer, no_store=True)
        return answer

    def read_wishes(self, *names: str) -> dict[str, str]:
        """
        The filters that were given, of those named.

        :raises FilterRefused: for any other, and for one that is empty or given twice
        """
        apply_filters(Model.objects.none(), request=self.request, kind=None, others=frozenset(names))
        wanted = {
            name: self.request.query_params[name] for name in names if name in self.request.query_params
        }
        for name, value in wanted.items():
            if not value:
                raise FilterRefused(f"Give {name} one value.", parameter=name)
        if "order" in self.request.query_params:
            raise FilterRefused("This list has one order.", parameter="order")
        return wanted

    def show[T](self, rows: Sequence[T], *, key: Callable[[T], Key], kind: Any, **more: Any) -> Response:
        """A page of rows that are sorted by their key, with what else the answer has."""
        given = self.request.query_params
        size = read_page_size(given.get("page_size"))
        page = cut_page(rows, key=key, cursor=given.get("cursor"), size=size)
        following = None
        if page.next is not None:
            query = urlencode({**given.dict(), "cursor": page.next, "page_size": size})
            following = self.request.build_absolute_uri(f"{self.request.path}?{query}")
        body = {**more, "next": following, "results": page.rows}
        return Response(kind(body, context={"request": self.request}).data)


class Prices(MarketView):
    """Prices now."""

    @describe(
        "market_prices",
        "Prices now, by model and region",
        answer=answers.MarketPricesAnswer,
        parameters=(MODEL, *PLACES, *PAGE_PARAMETERS),
        organization=False,
        refusals=(422,),
    )
    def get(self, request: Request) -> Response:
        """The cheapest offer of each model in each region."""
        wanted = self.read_wishes("model", "country", "region", "currency")
        rows = [
            row
            for row in board.recall_rows(now=timezone.now())
            if wanted.get("model", row.slug) == row.slug and _is_there(wanted, row.place, row.currency)
        ]
        return self.show(rows, key=lambda row: row.key, kind=answers.MarketPricesAnswer)


class PricesAhead(MarketView):
    """Prices of a model from now on."""

    @describe(
        "market_prices_ahead",
        "Prices ahead of a model, offer by offer",
        answer=answers.AsksAnswer,
        parameters=(OF_MODEL, HOURS_AHEAD, *PLACES, *PAGE_PARAMETERS),
        organization=False,
        refusals=(404, 422),
    )
    def get(self, request: Request) -> Response:
        """
        Every published price, in the order of time; gaps are times at which an offer is not sold.

        A price may still be overtaken by another for the same time, until it starts.
        """
        wanted = self.read_wishes("model", "country", "region", "currency", "hours")
        if "model" not in wanted:
            raise FilterRefused("Say of which model.", parameter="model")
        hours = _read_hours(wanted.get("hours", str(HOURS)))
        slug, start = wanted["model"], timezone.now()
        if not Model.objects.filter(slug=slug).exists():
            raise NotFound
        end = start + timedelta(hours=hours)
        offered = [
            Offered(seller, ask)
            for seller in ahead.recall_sellers(slug=slug, start=start, end=end)
            if _is_there(wanted, seller.place, seller.currency)
            for ask in seller.asks
        ]
        rows = sorted(offered, key=_find_key)
        return self.show(rows, key=_find_key, kind=answers.AsksAnswer, model=slug, until=end)


class Quote(MarketView):
    """What a price is made of."""

    seconds = CARD_SECONDS

    @describe(
        "market_quote",
        "A price card with its build-up",
        answer=answers.MarketCardAnswer,
        organization=False,
        refusals=(404,),
    )
    def get(self, request: Request, card: UUID) -> Response:
        """Line by line, with the figures and sources behind each."""
        return Response(answers.MarketCardAnswer(cards.find_card(uid=card)).data)


class EnergyRanks(MarketView):
    """Joules of a token."""

    @describe(
        "market_energy_ranks",
        "Models and regions by the joules of a token",
        answer=answers.EnergyRanksAnswer,
        parameters=(MODEL, *PAGE_PARAMETERS),
        organization=False,
        refusals=(422,),
    )
    def get(self, request: Request) -> Response:
        """The least first; each says whether it was measured, declared, looked up or estimated."""
        slug = self.read_wishes("model").get("model")
        ranked = leaderboards.recall_energy(now=timezone.now())
        rows = [row for row in ranked if slug in (None, row.slug)]
        return self.show(rows, key=lambda row: row.key, kind=answers.EnergyRanksAnswer)


class PriceRanks(MarketView):
    """Prices here and elsewhere."""

    @describe(
        "market_price_ranks",
        "Prices of each model here, beside public ones",
        answer=answers.PriceRanksAnswer,
        parameters=(MODEL, *PAGE_PARAMETERS),
        organization=False,
        refusals=(422,),
    )
    def get(self, request: Request) -> Response:
        """By model, the lowest first within each currency."""
        slug, now = self.read_wishes("model").get("model"), timezone.now()
        tables = [one for one in leaderboards.recall_prices(now=now) if slug in (None, one.slug)]
        edition = public_prices.find_edition(day=now.date())
        return self.show(
            tables, key=lambda one: (one.slug,), kind=answers.PriceRanksAnswer, public_prices=edition
        )


class Volume(MarketView):
    """What was sold."""

    @describe("market_volume", "Sold in the last 24 hours", answer=answers.VolumeAnswer, organization=False)
    def get(self, request: Request) -> Response:
        """From the books; a minute old at most."""
        return Response(answers.VolumeAnswer(volumes.recall_volume(now=timezone.now())).data)


def _is_there(wanted: dict[str, str], place: board.Place, currency: str) -> bool:
    there = {"country": place.country, "region": place.region, "currency": currency}
    return all(wanted.get(name, value) == value for name, value in there.items())


def _find_key(offered: Offered) -> Key:
    return offered.ask.start.astimezone(UTC).isoformat(timespec="microseconds"), str(offered.seller.offer)


def _read_hours(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= HOURS_MAX):
        raise FilterRefused(f"hours is a number from 1 to {HOURS_MAX}.", parameter="hours")
    return int(text)
