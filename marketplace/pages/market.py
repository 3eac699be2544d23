"""The market for everybody: the front page, a model, a quote's build-up, leaderboards."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.generic import TemplateView

from core.errors import NotFound
from core.quantities import EXACT
from marketplace import board, cards, comparisons, leaderboards, public_prices, volumes
from marketplace.caveats import list_caveats
from marketplace.comparisons import Comparison
from marketplace.models import Model, Offer, PriceCard
from marketplace.pages import bars, outlook, paying

# A page says how many more there are; the REST interface has them all.
ROWS_MAX = 60
# What is compared in for a reader of whom nothing is known.
ANCHOR = "USD"


class PublicPage(TemplateView):
    """A page that anybody may see; what is on it is at most seconds old."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; pages hold a person's language and name, so that no cache between may keep them."""
        answer = super().dispatch(request, *args, **kwargs)
        patch_cache_control(answer, private=True, max_age=0)
        return answer


class Home(PublicPage):
    """What Jouleport is, what can be bought now and in the next two days, what it is made of, and how."""

    template_name = "marketplace/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The board, the hours ahead of one model, and where programs send their requests."""
        now = timezone.now()
        rows = board.recall_rows(now=now)
        comparing = _choose_comparison(self.request, rows, now)
        lead = min(rows, key=comparing.rank, default=None)
        slugs = list(dict.fromkeys(row.slug for row in rows))
        chosen = self.request.GET.get("model", lead.slug if lead else "")
        if chosen not in slugs:
            chosen = lead.slug if lead else ""
        zone = timezone.get_current_timezone()
        ahead = outlook.find_outlook(slug=chosen, now=now, zone=zone) if chosen else None
        return super().get_context_data(
            rows=rows[:ROWS_MAX],
            left_out=max(0, len(rows) - ROWS_MAX),
            now=now,
            lead=lead,
            comparing=comparing,
            currencies=comparisons.list_choices(currencies={row.currency for row in rows}, now=now),
            slugs=slugs[:ROWS_MAX],
            chosen=chosen,
            ahead=ahead,
            zone=zone,
            bars=ahead.bars if ahead else (),
            volume=volumes.recall_volume(now=now),
            address=self.request.build_absolute_uri("/v1"),
            **kwargs,
        )


class Board(TemplateView):
    """The board alone, for a page that looks again."""

    template_name = "marketplace/board.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The rows as they are now."""
        now = timezone.now()
        rows = board.recall_rows(now=now)
        return super().get_context_data(
            rows=rows[:ROWS_MAX],
            left_out=max(0, len(rows) - ROWS_MAX),
            now=now,
            comparing=_choose_comparison(self.request, rows, now),
            **kwargs,
        )


def _choose_comparison(request: HttpRequest, rows: Sequence[board.Row], now: datetime) -> Comparison:
    """In the currency that was asked for, or the reader's wallet's, or the only one, or else dollars."""
    sold = {row.currency for row in rows}
    asked = request.GET.get("in", "")
    if asked not in comparisons.list_choices(currencies=sold, now=now):
        only = next(iter(sold)) if len(sold) == 1 else ANCHOR
        asked = paying.find_currency(request) or only
    return comparisons.compare(currency=asked, currencies=sold, now=now)


class ModelPage(PublicPage):
    """One model: the hours ahead in every region, and every offer's price line by line."""

    template_name = "marketplace/model.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """
        Everything that is published of it.

        :raises Http404: for what is not in the catalogue
        """
        slug, now = self.kwargs["slug"], timezone.now()
        model = Model.objects.filter(slug=slug).first()
        if model is None:
            raise Http404
        zone = timezone.get_current_timezone()
        ahead = outlook.find_outlook(slug=slug, now=now, zone=zone)
        return super().get_context_data(
            model=model,
            now=now,
            paying=paying.describe_paying(
                self.request, currencies={seller.currency for seller in ahead.sellers}, now=now
            ),
            ahead=ahead,
            zone=zone,
            tokens=outlook.draw_sellers(ahead.sellers, unit=Offer.Unit.TOKEN),
            chips=outlook.draw_sellers(ahead.sellers, unit=Offer.Unit.CHIP_SECOND),
            **kwargs,
        )


class QuotePage(PublicPage):
    """A price card: what one pays by it, line by line, with figures and sources."""

    template_name = "marketplace/quote.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """
        The card.

        :raises Http404: if no such card was ever published
        """
        try:
            found = cards.find_card(uid=self.kwargs["card"])
        except NotFound as refusal:
            raise Http404 from refusal
        offer = found.offer
        kinds = bars.TOKEN_KINDS if offer.unit == Offer.Unit.TOKEN else bars.CHIP_KINDS
        capped = found.explained.get("pass_through")
        described = {kind: bars.draw_bars([outlook.describe_card(found)], kind=kind) for kind in kinds}
        return super().get_context_data(
            # Instead of its uid.
            **{**kwargs, "card": found},
            paying=paying.describe_paying(
                self.request, currencies={found.currency}, now=timezone.now(), price=_find_whole_price(found)
            ),
            footprint=board.read_footprint(found),
            caveats=list_caveats(sites=[offer.site_id]).get(offer.site_id, ()),
            drawn=[(kind, drawn) for kind, drawn in described.items() if drawn[0].price],
            power=found.explained.get("electricity"),
            contract=found.explained.get("contract", ""),
            cap=Decimal(capped["cap"]) if capped else None,
            slower=[(form, _find_whole_price(form)) for form in cards.list_slower(card=found)],
            unit="tokens" if offer.unit == Offer.Unit.TOKEN else "hours",
        )


def _find_whole_price(card: PriceCard) -> Decimal:
    """Of a million output tokens, or of a chip-hour."""
    if card.offer.unit == Offer.Unit.TOKEN:
        return EXACT.multiply(card.output_price, Decimal(1_000_000))
    return EXACT.multiply(card.chip_second_price, Decimal(3600))


class LeaderboardsPage(PublicPage):
    """Joules of a token, and prices beside those of others."""

    template_name = "marketplace/leaderboards.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Both tables."""
        now = timezone.now()
        return super().get_context_data(
            now=now,
            energy=leaderboards.recall_energy(now=now)[:ROWS_MAX],
            prices=leaderboards.recall_prices(now=now)[:ROWS_MAX],
            edition=public_prices.find_edition(day=now.date()),
            **kwargs,
        )
