"""Operations of exchange. Nobody says a rate here; tests/fx has what follows if somebody does."""

from tests.api.bodies import NOBODY
from tests.api.route import MOVE, VIEW, listed, made, named, operated

BOOK = "/api/operator/fx"
FX = (
    made("fx-quotes", "/api/fx/quotes", MOVE, lambda _: {"sell": "USD", "buy": "CNH"}, status=422),
    named(
        "POST",
        "fx-conversion",
        lambda _: f"/api/fx/quotes/{NOBODY}/convert",
        MOVE,
        lambda _: {"sell": "1"},
        404,
    ),
    listed("fx-standing-quotes", "/api/fx/standing-quotes", VIEW),
    operated("GET", "fx-rates", lambda _: f"{BOOK}/rates", "billing.view_fxrate"),
    operated(
        "POST",
        "fx-rates",
        lambda _: f"{BOOK}/rates",
        "billing.add_fxrate",
        lambda _: {"unit": "USD", "currency": "CNH", "rate": "7.15"},
        201,
    ),
    operated("GET", "fx-exposure", lambda _: f"{BOOK}/exposure", "billing.view_fxposition"),
    operated(
        "PUT",
        "fx-limit",
        lambda _: f"{BOOK}/limits/CNH",
        "billing.change_fxlimit",
        lambda _: {"amount": "1000000"},
    ),
    operated(
        "PUT",
        "fx-spread",
        lambda _: f"{BOOK}/spreads/USD/CNH",
        "billing.change_fxspread",
        lambda _: {"spread_bps": 40},
    ),
    operated(
        "POST",
        "fx-trades",
        lambda _: f"{BOOK}/trades",
        "billing.add_entry",
        lambda _: {
            "sold": "10",
            "sold_currency": "USD",
            "bought": "71",
            "bought_currency": "CNH",
            "reference": "FX-1",
        },
        201,
    ),
    operated(
        "POST",
        "fx-revaluations",
        lambda _: f"{BOOK}/revaluations",
        "billing.add_fxrevaluation",
        lambda _: {"day": "2999-12-31"},
        409,
    ),
    operated("GET", "swap-lines", lambda _: "/api/operator/swap-lines", "billing.view_swapline"),
    operated(
        "POST",
        "swap-lines",
        lambda _: "/api/operator/swap-lines",
        "billing.add_swapline",
        lambda _: {"counterparty": "Bank", "currency": "CNH", "ceiling": "1000"},
        201,
    ),
    operated(
        "POST",
        "swap-movements",
        lambda _: f"/api/operator/swap-lines/{NOBODY}/movements",
        "billing.change_swapline",
        lambda _: {"amount": "1", "reference": "D1"},
        404,
    ),
)
