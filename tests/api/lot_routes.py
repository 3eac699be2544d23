"""Operations of lots of power and heat."""

from tests.api import lots
from tests.api.route import MOVE, SITES, VIEW, Route, listed, made, made_at, named

LOTS = (
    listed("power-lots", "/api/power-lots", VIEW),
    made("power-lots", "/api/power-lots", SITES, lambda _: lots.describe_lot()),
    Route("GET", "power-lots-open", lambda _: "/api/power-lots/open", None, open_to_all=True),
    Route("GET", "power-lot", lambda f: f"/api/power-lots/{lots.list_lot(f)}", None, open_to_all=True),
    named("POST", "power-lot-award", lambda f: f"/api/power-lots/{lots.bid(f).lot.uid}/accept", SITES),
    named("POST", "power-lot-withdrawal", lambda f: f"/api/power-lots/{lots.list_lot(f)}/withdraw", SITES),
    named("GET", "power-lot-bids", lambda f: f"/api/power-lots/{lots.settle(f)}/bids", VIEW),
    # Everybody's lots are open to bids, for a site of one's own.
    made_at(
        "power-lot-bids",
        lambda f: f"/api/power-lots/{lots.list_lot(f)}/bids",
        SITES,
        lambda f: {"site": str(f.stand.site.uid), "kw": "5", "price": "0.02"},
    ),
    listed("power-bids", "/api/power-bids", VIEW),
    named("GET", "power-bid", lambda f: f"/api/power-bids/{lots.bid(f).uid}", VIEW),
    named("POST", "power-bid-withdrawal", lambda f: f"/api/power-bids/{lots.bid(f).uid}/withdraw", SITES),
    listed("heat-demands", "/api/heat-demands", VIEW),
    made("heat-demands", "/api/heat-demands", MOVE, lambda _: lots.describe_demand()),
    Route("GET", "heat-demands-open", lambda _: "/api/heat-demands/open", None, open_to_all=True),
    named(
        "POST",
        "heat-demand-withdrawal",
        lambda f: f"/api/heat-demands/{lots.offer_heat(f).demand.uid}/withdraw",
        MOVE,
    ),
    named("GET", "heat-offers", lambda f: f"/api/heat-demands/{lots.offer_heat(f).demand.uid}/offers", VIEW),
    made_at(
        "heat-offers",
        lambda f: f"/api/heat-demands/{lots.list_demand(f)}/offers",
        SITES,
        lambda f: {
            "site": str(lots.warm(f).uid),
            "kw": "5",
            "distance_km": "1",
            "heat_reused": "0.3",
        },
    ),
    named(
        "POST",
        "heat-offer-withdrawal",
        lambda f: f"/api/heat-offers/{lots.offer_heat(f).uid}/withdraw",
        SITES,
    ),
    named(
        "POST",
        "heat-offer-acceptance",
        lambda f: f"/api/heat-offers/{lots.offer_heat(f).uid}/accept",
        MOVE,
        lambda _: {"meter_start_kwh": "12.5"},
        201,
    ),
    listed("heat-contracts", "/api/heat-contracts", VIEW),
    named("POST", "heat-contract-end", lambda f: f"/api/heat-contracts/{lots.agree(f).uid}/end", MOVE),
    named("GET", "heat-readings", lambda f: f"/api/heat-contracts/{lots.agree(f).uid}/readings", VIEW),
    named(
        "POST",
        "heat-readings",
        lambda f: f"/api/heat-contracts/{lots.agree(f).uid}/readings",
        SITES,
        lambda _: lots.describe_reading(),
        201,
    ),
    named(
        "POST",
        "heat-confirmation",
        lambda f: f"/api/heat-readings/{lots.read_meter(f).uid}/confirm",
        MOVE,
        lambda f: {"digest": lots.read_meter(f).digest},
    ),
    named(
        "POST",
        "heat-objection",
        lambda f: f"/api/heat-readings/{lots.read_meter(f).uid}/object",
        MOVE,
        lambda _: {"objection": "the meter stood still"},
    ),
)
