"""Every operation of the REST interface: what it needs, and a call of it that succeeds."""

from collections.abc import Callable
from typing import Any

from accounts.access import Permission
from billing.models import Entry
from tests.api import lots, running
from tests.api.bodies import CHAT, ENERGY, NOBODY, RENAMED, SERVING, SITE, TARIFF
from tests.api.conftest import Farm
from tests.api.route import Route

VIEW, USE, MONEY = Permission.VIEW, Permission.USE, Permission.VIEW_MONEY
SITES, KEYS, MOVE = Permission.MANAGE_SITES, Permission.MANAGE_KEYS, Permission.MANAGE_MONEY


def _uid(row: Any) -> str:
    return str(row.uid)


def _listed(name: str, path: str, needs: Permission | None) -> Route:
    return Route("GET", name, lambda _: path, needs)


def _made(name: str, path: str, needs: Permission | None, body: Callable[[Farm], Any], **more: Any) -> Route:
    return Route("POST", name, lambda _: path, needs, more.pop("status", 201), body, **more)


def _made_at(name: str, path: Callable[[Farm], str], needs: Permission, body: Callable[[Farm], Any]) -> Route:
    return Route("POST", name, path, needs, 201, body)


def _operated(
    method: str, name: str, path: Callable[[Farm], str], right: str, body: Any = None, status: int = 200
) -> Route:
    return Route(method, name, path, None, status, body, right=right)


def _placed(
    method: str, name: str, path: str, needs: Permission, body: Any = None, status: int = 200
) -> Route:
    return Route(
        method,
        name,
        lambda f: (
            f"/api/organizations/{f.organization.uid}"
            + path.format(colleague=_uid(f.colleague), invitation=_uid(f.invitation))
        ),
        needs,
        status,
        body,
        named_by_address=True,
        by_address=True,
    )


def _named(
    method: str,
    name: str,
    path: Callable[[Farm], str],
    needs: Permission,
    body: Any = None,
    status: int = 200,
) -> Route:
    return Route(method, name, path, needs, status, body, named_by_address=True)


LOTS = (
    _listed("power-lots", "/api/power-lots", VIEW),
    _made("power-lots", "/api/power-lots", SITES, lambda _: lots.describe_lot()),
    Route("GET", "power-lots-open", lambda _: "/api/power-lots/open", None, open_to_all=True),
    Route("GET", "power-lot", lambda f: f"/api/power-lots/{lots.list_lot(f)}", None, open_to_all=True),
    _named("POST", "power-lot-award", lambda f: f"/api/power-lots/{lots.bid(f).lot.uid}/accept", SITES),
    _named("POST", "power-lot-withdrawal", lambda f: f"/api/power-lots/{lots.list_lot(f)}/withdraw", SITES),
    _named("GET", "power-lot-bids", lambda f: f"/api/power-lots/{lots.settle(f)}/bids", VIEW),
    # Everybody's lots are open to bids, for a site of one's own.
    _made_at(
        "power-lot-bids",
        lambda f: f"/api/power-lots/{lots.list_lot(f)}/bids",
        SITES,
        lambda f: {"site": str(f.stand.site.uid), "kw": "5", "price": "0.02"},
    ),
    _listed("power-bids", "/api/power-bids", VIEW),
    _named("GET", "power-bid", lambda f: f"/api/power-bids/{lots.bid(f).uid}", VIEW),
    _named("POST", "power-bid-withdrawal", lambda f: f"/api/power-bids/{lots.bid(f).uid}/withdraw", SITES),
    _listed("heat-demands", "/api/heat-demands", VIEW),
    _made("heat-demands", "/api/heat-demands", MOVE, lambda _: lots.describe_demand()),
    Route("GET", "heat-demands-open", lambda _: "/api/heat-demands/open", None, open_to_all=True),
    _named(
        "POST",
        "heat-demand-withdrawal",
        lambda f: f"/api/heat-demands/{lots.offer_heat(f).demand.uid}/withdraw",
        MOVE,
    ),
    _named("GET", "heat-offers", lambda f: f"/api/heat-demands/{lots.offer_heat(f).demand.uid}/offers", VIEW),
    _made_at(
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
    _named(
        "POST",
        "heat-offer-withdrawal",
        lambda f: f"/api/heat-offers/{lots.offer_heat(f).uid}/withdraw",
        SITES,
    ),
    _named(
        "POST",
        "heat-offer-acceptance",
        lambda f: f"/api/heat-offers/{lots.offer_heat(f).uid}/accept",
        MOVE,
        lambda _: {"meter_start_kwh": "12.5"},
        201,
    ),
    _listed("heat-contracts", "/api/heat-contracts", VIEW),
    _named("POST", "heat-contract-end", lambda f: f"/api/heat-contracts/{lots.agree(f).uid}/end", MOVE),
    _named("GET", "heat-readings", lambda f: f"/api/heat-contracts/{lots.agree(f).uid}/readings", VIEW),
    _named(
        "POST",
        "heat-readings",
        lambda f: f"/api/heat-contracts/{lots.agree(f).uid}/readings",
        SITES,
        lambda _: lots.describe_reading(),
        201,
    ),
    _named(
        "POST",
        "heat-confirmation",
        lambda f: f"/api/heat-readings/{lots.read_meter(f).uid}/confirm",
        MOVE,
        lambda f: {"digest": lots.read_meter(f).digest},
    ),
    _named(
        "POST",
        "heat-objection",
        lambda f: f"/api/heat-readings/{lots.read_meter(f).uid}/object",
        MOVE,
        lambda _: {"objection": "the meter stood still"},
    ),
)

ROUTES = (
    _listed("organizations", "/api/organizations", None),
    _made("organizations", "/api/organizations", None, lambda _: {"name": "New", "country": "SE"}),
    _placed("GET", "organization", "", VIEW),
    _placed("PATCH", "organization", "", Permission.MANAGE_ORGANIZATION, lambda _: {"name": "Sun & Wind"}),
    _placed("GET", "members", "/members", VIEW),
    _placed("GET", "invitations", "/invitations", Permission.MANAGE_MEMBERS),
    _placed(
        "POST",
        "invitations",
        "/invitations",
        Permission.MANAGE_MEMBERS,
        lambda _: {"email": "newcomer@example.org", "role": "MEMBER"},
        201,
    ),
    _placed("DELETE", "invitation", "/invitations/{invitation}", Permission.MANAGE_MEMBERS, None, 204),
    _placed("GET", "member", "/members/{colleague}", VIEW),
    _placed(
        "PATCH", "member", "/members/{colleague}", Permission.MANAGE_MEMBERS, lambda _: {"role": "FINANCE"}
    ),
    _placed("DELETE", "member", "/members/{colleague}", Permission.MANAGE_MEMBERS, None, 204),
    _listed("audit-events", "/api/audit-events", Permission.VIEW_AUDIT),
    _listed("agent-tokens", "/api/agent-tokens", VIEW),
    _made("agent-tokens", "/api/agent-tokens", SITES, lambda _: {"name": "new"}),
    _named("GET", "agent-token", lambda f: f"/api/agent-tokens/{f.token.uid}", VIEW),
    _named("PATCH", "agent-token", lambda f: f"/api/agent-tokens/{f.token.uid}", SITES, lambda _: RENAMED),
    _named("POST", "agent-token-revocation", lambda f: f"/api/agent-tokens/{f.token.uid}/revoke", SITES),
    _listed("keys", "/api/keys", VIEW),
    _made("keys", "/api/keys", KEYS, lambda _: {"name": "new"}),
    _named("GET", "key", lambda f: f"/api/keys/{f.key.key.uid}", VIEW),
    _named("PATCH", "key", lambda f: f"/api/keys/{f.key.key.uid}", KEYS, lambda _: RENAMED),
    _named("POST", "key-revocation", lambda f: f"/api/keys/{f.key.key.uid}/revoke", KEYS),
    _named(
        "PUT",
        "key-limit",
        lambda f: f"/api/keys/{f.key.key.uid}/limit",
        MOVE,
        lambda _: {"amount": "5", "currency": "USD"},
    ),
    _named(
        "PUT",
        "key-rate",
        lambda f: f"/api/keys/{f.key.key.uid}/rate",
        KEYS,
        lambda _: {"requests_per_minute": 60},
    ),
    _named(
        "PUT",
        "key-project",
        lambda f: f"/api/keys/{f.key.key.uid}/project",
        MOVE,
        lambda f: {"project": _uid(f.project)},
    ),
    _placed(
        "PUT",
        "member-project",
        "/members/{colleague}/project",
        MOVE,
        lambda f: {"project": _uid(f.project)},
    ),
    _listed("projects", "/api/projects", VIEW),
    _made("projects", "/api/projects", MOVE, lambda _: {"name": "new"}),
    _named("GET", "project", lambda f: f"/api/projects/{_uid(f.project)}", VIEW),
    _named("PATCH", "project", lambda f: f"/api/projects/{_uid(f.project)}", MOVE, lambda _: RENAMED),
    _named("POST", "project-archive", lambda f: f"/api/projects/{_uid(f.project)}/archive", MOVE),
    _listed("limits", "/api/limits", MONEY),
    _made(
        "limits",
        "/api/limits",
        MOVE,
        lambda f: {
            "kind": "KEY",
            "subject": _uid(f.key.key),
            "period": "DAILY",
            "amount": "2.5",
            "currency": "USD",
        },
    ),
    _named("GET", "limit", lambda f: f"/api/limits/{_uid(f.limit)}", MONEY),
    _named("PATCH", "limit", lambda f: f"/api/limits/{_uid(f.limit)}", MOVE, lambda _: {"amount": "7"}),
    _named("DELETE", "limit", lambda f: f"/api/limits/{_uid(f.limit)}", MOVE, None, 204),
    _made("test-money", "/api/test-money", USE, lambda _: None),
    _listed("wallets", "/api/wallets", MONEY),
    _listed("earnings", "/api/earnings", MONEY),
    _listed("wallet", "/api/wallets/USD", MONEY),
    _listed("accounts", "/api/accounts", MONEY),
    _listed("account", "/api/accounts/WALLET/USD", MONEY),
    _listed("account-entries", "/api/accounts/WALLET/USD/entries", MONEY),
    _listed("holds", "/api/holds", MONEY),
    _listed("usage", "/api/usage", MONEY),
    _listed("attempts", "/api/attempts", MONEY),
    _named("GET", "attempt", lambda f: f"/api/attempts/{_uid(f.attempt)}", MONEY),
    _named("GET", "attempt-receipt", lambda f: f"/api/attempts/{_uid(f.attempt)}/receipt", MONEY),
    _listed("statement", "/api/wallets/USD/statement", MONEY),
    _listed("sites", "/api/sites", VIEW),
    _made("sites", "/api/sites", SITES, lambda _: SITE),
    _named("GET", "site", lambda f: f"/api/sites/{f.stand.site.uid}", VIEW),
    _named("PUT", "site", lambda f: f"/api/sites/{f.stand.site.uid}", SITES, lambda _: SITE),
    _named("GET", "tariffs", lambda f: f"/api/sites/{f.stand.site.uid}/tariffs", VIEW),
    _named(
        "POST", "tariffs", lambda f: f"/api/sites/{f.stand.site.uid}/tariffs", SITES, lambda _: TARIFF, 201
    ),
    _named("GET", "site-energy", lambda f: f"/api/sites/{f.stand.site.uid}/energy", VIEW),
    _named("PUT", "site-energy", lambda f: f"/api/sites/{f.stand.site.uid}/energy", SITES, lambda _: ENERGY),
    _named("GET", "site-kpis", lambda f: f"/api/sites/{f.stand.site.uid}/kpis", VIEW),
    _named("GET", "offer-joules", lambda f: f"/api/offers/{f.stand.offer.uid}/joules", VIEW),
    _named("GET", "events", lambda f: f"/api/sites/{f.stand.site.uid}/events", VIEW),
    _named(
        "POST",
        "events",
        lambda f: f"/api/sites/{f.stand.site.uid}/events",
        SITES,
        lambda _: running.describe_wish(days=1),
        201,
    ),
    _named(
        "POST",
        "event-cancellation",
        lambda f: f"/api/sites/{f.stand.site.uid}/events/{f.event}/cancel",
        SITES,
    ),
    _named("GET", "site-signal", lambda f: f"/api/sites/{f.stand.site.uid}/signal", VIEW),
    _named("GET", "site-outlook", lambda f: f"/api/sites/{f.stand.site.uid}/outlook", VIEW),
    _listed("series", "/api/series", None),
    _listed("one-series", "/api/series/spot", None),
    _listed("series-points", "/api/series/spot/points", None),
    _listed("reference", "/api/reference", None),
    _listed("reference-rows", "/api/reference/default_pue", None),
    _listed("models", "/api/models", None),
    _listed("model", "/api/models/small", None),
    _listed("nodes", "/api/nodes", VIEW),
    _made(
        "nodes",
        "/api/nodes",
        SITES,
        lambda f: {
            "site": str(f.stand.site.uid),
            "name": "second",
            "chips": 1,
            "watts_idle": "20",
            "watts_busy": "90.5",
        },
    ),
    _named("GET", "node", lambda f: f"/api/nodes/{f.stand.node.uid}", VIEW),
    _named("POST", "node-drain", lambda f: f"/api/nodes/{f.stand.node.uid}/drain", SITES),
    _named("POST", "node-resumption", lambda f: f"/api/nodes/{f.stand.node.uid}/resume", SITES),
    _named("POST", "node-retirement", lambda f: f"/api/nodes/{f.stand.node.uid}/retire", SITES),
    _listed("offers", "/api/offers", VIEW),
    _made(
        "offers",
        "/api/offers",
        SITES,
        lambda f: {
            "site": str(f.stand.site.uid),
            "model": "small",
            "slots": 2,
            "max_output_default": 64,
            "max_output_cap": 512,
            "serving": SERVING,
            "endpoint": {"node": str(f.stand.node.uid), "upstream_model": "simulated-small"},
        },
    ),
    Route("GET", "market-prices", lambda _: "/api/market/prices", None, open_to_all=True),
    Route(
        "GET", "market-prices-ahead", lambda _: "/api/market/prices/ahead?model=small", None, open_to_all=True
    ),
    Route("GET", "market-quote", lambda _: f"/api/market/quotes/{NOBODY}", None, 404, open_to_all=True),
    Route("GET", "market-energy", lambda _: "/api/market/leaderboards/energy", None, open_to_all=True),
    Route("GET", "market-asked", lambda _: "/api/market/leaderboards/prices", None, open_to_all=True),
    Route("GET", "market-volume", lambda _: "/api/market/volume", None, open_to_all=True),
    _named("GET", "offer", lambda f: f"/api/offers/{f.stand.offer.uid}", VIEW),
    _named("PATCH", "offer", lambda f: f"/api/offers/{f.stand.offer.uid}", SITES, lambda _: {"slots": 3}),
    _named("GET", "offer-quote", lambda f: f"/api/offers/{f.stand.offer.uid}/quote", VIEW),
    _named("GET", "card", lambda f: f"/api/offers/{f.stand.offer.uid}/cards/1", VIEW),
    _named(
        "PUT",
        "offer-endpoint",
        lambda f: f"/api/offers/{f.stand.offer.uid}/endpoint",
        SITES,
        lambda f: {"node": str(f.stand.node.uid), "upstream_model": "other"},
    ),
    _named(
        "PUT", "offer-serving", lambda f: f"/api/offers/{f.stand.offer.uid}/serving", SITES, lambda _: SERVING
    ),
    _named("GET", "offer-terms", lambda f: f"/api/offers/{f.stand.offer.uid}/terms", VIEW),
    _named(
        "PUT",
        "offer-terms",
        lambda f: f"/api/offers/{f.stand.offer.uid}/terms",
        SITES,
        lambda _: {"contract": "FIXED", "steps": [{"hours": 24, "share": "0.5"}]},
    ),
    _named("GET", "cards", lambda f: f"/api/offers/{f.stand.offer.uid}/cards", VIEW),
    _named("POST", "cards", lambda f: f"/api/offers/{f.stand.offer.uid}/cards", SITES, lambda _: {}, 201),
    _named("POST", "offer-live", lambda f: f"/api/offers/{f.stand.offer.uid}/live", SITES),
    _named("POST", "offer-pause", lambda f: f"/api/offers/{f.stand.offer.uid}/pause", SITES),
    _named("POST", "offer-withdrawal", lambda f: f"/api/offers/{f.stand.offer.uid}/withdraw", SITES),
    _listed("jobs", "/api/jobs", VIEW),
    _made("jobs", "/api/jobs", USE, lambda _: {"request": CHAT}, status=202, by_key=True),
    _named("GET", "job", lambda f: f"/api/jobs/{f.job.uid}", VIEW),
    _named("POST", "job-cancellation", lambda f: f"/api/jobs/{f.job.uid}/cancel", USE),
    _named("GET", "job-receipt", lambda f: f"/api/jobs/{_uid(f.done)}/receipt", VIEW),
    Route("GET", "node-keys", lambda f: f"/api/nodes/{f.stand.node.uid}/keys", None, open_to_all=True),
    _named("GET", "node-receipts", lambda f: f"/api/nodes/{f.stand.node.uid}/receipts", MONEY),
    _named("GET", "node-events", lambda f: f"/api/nodes/{f.stand.node.uid}/events", VIEW),
    _named("GET", "node-upstream", lambda f: f"/api/nodes/{f.stand.node.uid}/upstream", VIEW, None, 404),
    _named(
        "PUT",
        "node-upstream",
        lambda f: f"/api/nodes/{f.stand.node.uid}/upstream",
        SITES,
        lambda _: {"url": "https://models.example.com/v1", "credential": "secret-of-theirs", "slots": 2},
    ),
    _named("DELETE", "node-upstream", lambda f: f"/api/nodes/{f.stand.node.uid}/upstream", SITES, None, 404),
    _named("POST", "enrolments", lambda f: f"/api/nodes/{f.stand.node.uid}/enrolments", SITES, None, 201),
    Route("GET", "agent", lambda _: "/api/agent", None, by_agent=True),
    Route("POST", "agent-enrolment", lambda _: "/api/agents/enrol", None, 201, open_to_all=True),
    _operated("GET", "quarantine", lambda _: "/api/operator/quarantine", "billing.view_chargequarantine"),
    _operated(
        "POST",
        "quarantine-release",
        lambda f: f"/api/operator/quarantine/{f.quarantined}/requeue",
        "billing.change_chargequarantine",
    ),
    _operated(
        "GET", "exports", lambda _: "/api/operator/exports?since=2026-01-01", "billing.view_ledgeraccount"
    ),
    *LOTS,
    _operated("GET", "feeds", lambda _: "/api/operator/feeds", "marketplace.view_seriesfeed"),
    _operated(
        "POST",
        "series-files",
        lambda _: "/api/operator/series/spot/files",
        "marketplace.change_series",
        lambda _: {"name": "day.csv", "content": running.write_day(), "unit": "EUR/MWh"},
        201,
    ),
    _operated(
        "POST",
        "operated-events",
        lambda f: f"/api/operator/sites/{f.stand.site.uid}/events",
        "marketplace.add_demandevent",
        lambda _: running.describe_wish(days=3),
        201,
    ),
    _operated("GET", "trial-balance", lambda _: "/api/operator/trial-balance", "billing.view_ledgeraccount"),
    _operated(
        "GET",
        "overseen-organizations",
        lambda _: "/api/operator/organizations",
        "accounts.view_organization",
    ),
    _operated(
        "PUT",
        "organization-rate",
        lambda f: f"/api/operator/organizations/{_uid(f.organization)}/rate",
        "accounts.change_organization",
        lambda _: {"key_requests_per_minute": 9000},
    ),
    _operated(
        "POST",
        "catalogue",
        lambda _: "/api/operator/models",
        "marketplace.add_model",
        lambda _: {"slug": "tiny", "name": "Tiny", "context_length": 512, "max_output_default": 64},
        201,
    ),
    _operated(
        "GET", "submitted-upstreams", lambda _: "/api/operator/upstreams", "workers.view_directupstream"
    ),
    # The farm has submitted none; tests/workers/test_upstreams.py has what follows if somebody has.
    _operated(
        "POST",
        "upstream-admission",
        lambda _: f"/api/operator/upstreams/{NOBODY}/admit",
        "workers.change_directupstream",
        status=404,
    ),
    _operated(
        "POST",
        "upstream-refusal",
        lambda _: f"/api/operator/upstreams/{NOBODY}/refuse",
        "workers.change_directupstream",
        status=404,
    ),
    _operated("GET", "entries", lambda _: "/api/operator/entries", "billing.view_entry"),
    _operated(
        "POST",
        "top-ups",
        lambda _: "/api/operator/top-ups",
        "billing.add_entry",
        lambda f: {
            "organization": _uid(f.organization),
            "amount": "250",
            "currency": "USD",
            "bank_reference": "RF18-5390",
        },
        201,
    ),
    # The farm's only top-up is partly held, and its only charge is not posted.
    _operated(
        "POST",
        "entry-reversal",
        lambda _: f"/api/operator/entries/{Entry.objects.get(kind='TOPUP').pk}/reverse",
        "billing.add_entry",
        lambda _: {"reason": "Somebody else's transfer."},
        402,
    ),
    _operated(
        "POST",
        "charge-refund",
        lambda f: f"/api/operator/charges/{f.quarantined}/refund",
        "billing.add_entry",
        lambda _: {"reason": "Nothing came.", "borne_by": "PLATFORM"},
        409,
    ),
    _operated("GET", "flags", lambda _: "/api/operator/flags", "workers.view_meterflag"),
    _operated(
        "POST",
        "flag-resolution",
        lambda f: f"/api/operator/flags/{f.flag}/resolve",
        "workers.add_flagresolution",
        lambda _: {"note": "A clock that ran fast."},
    ),
)
# Nobody's in particular, and an agent's own two, which neither people nor keys may ask (test_agents.py).
PUBLIC = {"schema", "docs", "reference"}
