"""Who takes part: buyers with keys and wallets, sellers with sites, nodes and offers. Plain SQL."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from core import ids

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
JUST_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Buyer:
    """An organization with a key and, if it was funded, a wallet."""

    organization_id: int
    key_id: int
    wallet_id: int
    account_id: int


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet's row and its account."""

    id: int
    account_id: int


@dataclass(frozen=True, slots=True)
class Seller:
    """An organization with a site, a node and a live offer."""

    organization_id: int
    offer_id: int
    card_id: int
    node_id: int
    model_id: int


def fetch(connection: psycopg.Connection[Any], query: str, *values: Any) -> list[Row]:
    """Run a query and give its rows as dicts."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(query.encode(), values or None)
        return cursor.fetchall()


def fetch_value(connection: psycopg.Connection[Any], query: str, *values: Any) -> Any:
    """The one value of a query's one row."""
    [row] = fetch(connection, query, *values)
    [value] = row.values()
    return value


def insert(connection: psycopg.Connection[Any], table: str, **columns: Any) -> int:
    """Insert a row and give its id."""
    names = ", ".join(columns)
    marks = ", ".join(["%s"] * len(columns))
    query = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id"
    return int(fetch_value(connection, query, *columns.values()))


def make_organization(connection: psycopg.Connection[Any], name: str) -> int:
    """An organization without anything."""
    return insert(
        connection,
        "accounts_organization",
        uid=ids.make_uid(),
        name=name,
        country="CN",
        created_at=JUST_BEFORE,
    )


def make_person(connection: psycopg.Connection[Any], email: str) -> int:
    """Somebody with an address."""
    return insert(
        connection,
        "accounts_user",
        uid=ids.make_uid(),
        email=email,
        password="",
        name="",
        is_superuser=False,
    )


def make_project(connection: psycopg.Connection[Any], organization_id: int, name: str) -> int:
    """A project of an organization."""
    return insert(
        connection,
        "accounts_project",
        uid=ids.make_uid(),
        organization_id=organization_id,
        name=name,
        created_at=JUST_BEFORE,
    )


def make_key(connection: psycopg.Connection[Any], organization_id: int) -> int:
    """A key of an organization."""
    uid = ids.make_uid()
    return insert(
        connection,
        "accounts_apikey",
        uid=uid,
        organization_id=organization_id,
        name="key",
        mode="LIVE",
        digest=hashlib.sha256(uid.bytes).digest(),
        last4="abcd",
        created_at=JUST_BEFORE,
    )


def set_limit(
    connection: psycopg.Connection[Any],
    buyer: "Buyer",
    ceiling: Any,
    *,
    kind: int = 4,
    subject: int | None = None,
    period: str = "LIFETIME",
    currency: str = "USD",
) -> int:
    """Limit a buyer's key (or another subject); gives the row of the running period."""
    limit = fetch_value(
        connection,
        "SELECT set_limit_v1(%s, %s::smallint, %s, %s, %s, %s, %s)",
        *(ids.make_uid(), kind, buyer.organization_id, buyer.key_id if subject is None else subject),
        *(currency, period, Decimal(ceiling)),
    )
    return int(fetch_value(connection, "SELECT scope_id FROM spending_limit WHERE id = %s", limit))


def make_buyer(
    connection: psycopg.Connection[Any], name: str, *, funds: str = "10", currency: str = "USD"
) -> Buyer:
    """An organization with a key and a wallet."""
    organization = make_organization(connection, name)
    wallet = open_wallet(connection, organization, currency)
    buyer = Buyer(organization, make_key(connection, organization), wallet.id, wallet.account_id)
    if Decimal(funds):
        top_up(connection, buyer, funds, currency=currency)
    return buyer


def open_wallet(connection: psycopg.Connection[Any], organization: int, currency: str) -> Wallet:
    """Find or open a wallet."""
    account = fetch_value(connection, "SELECT account_v1('WALLET', %s, %s)", organization, currency)
    return Wallet(fetch_value(connection, "SELECT id FROM scope WHERE account_id = %s", account), account)


def top_up(
    connection: psycopg.Connection[Any],
    buyer: Buyer,
    amount: str,
    *,
    currency: str = "USD",
    key: str | None = None,
) -> int:
    """Fund a wallet from the bank; gives the entry's id."""
    bank = fetch_value(connection, "SELECT account_v1('CLEARING_BANK', NULL, %s)", currency)
    lines = [bank, buyer.account_id], [Decimal(amount), -Decimal(amount)]
    return post(connection, *lines, key=key or f"topup:bank:{ids.make_uid()}")


def post(
    connection: psycopg.Connection[Any],
    accounts: Sequence[int],
    amounts: Sequence[Decimal],
    *,
    key: str | None = None,
    kind: str = "TOPUP",
) -> int:
    """Post an entry; gives its id."""
    [row] = fetch(
        connection,
        "SELECT entry_id FROM post_v1(%s, %s, 'test', '', %s, %s::bigint[], %s::numeric[])",
        *(key or f"test:{ids.make_uid()}", kind, NOW, list(accounts), list(amounts)),
    )
    return int(row["entry_id"])


def make_model(connection: psycopg.Connection[Any], slug: str = "small") -> int:
    """A model of the catalogue."""
    found = fetch(connection, "SELECT id FROM model WHERE slug = %s", slug)
    return (
        found[0]["id"]
        if found
        else insert(
            connection,
            "model",
            slug=slug,
            name=slug.title(),
            context_length=2048,
            tokenizer="byte-level",
            max_output_default=256,
            created_at=JUST_BEFORE,
        )
    )


def _make_site(connection: psycopg.Connection[Any], organization: int, name: str, currency: str) -> int:
    return insert(
        connection,
        "site",
        uid=ids.make_uid(),
        organization_id=organization,
        name=name,
        country="CN",
        region="Guizhou",
        grid_zone="CN-GZ",
        time_zone="Asia/Shanghai",
        currency=currency,
        energy_price=Decimal("0.05"),
        pue=Decimal("1.2"),
        gco2_per_kwh=Decimal("568.3"),
        carbon_source="test",
        created_at=JUST_BEFORE,
    )


def _make_node(
    connection: psycopg.Connection[Any], organization: int, name: str, site: int, *, simulated: bool
) -> int:
    token = insert(
        connection,
        "accounts_agenttoken",
        uid=ids.make_uid(),
        organization_id=organization,
        name=name,
        digest=hashlib.sha256(ids.make_uid().bytes).digest(),
        last4="abcd",
        created_at=JUST_BEFORE,
    )
    return insert(
        connection,
        "node",
        uid=ids.make_uid(),
        organization_id=organization,
        site_id=site,
        agent_token_id=token,
        name=name,
        chips=2,
        chip_slug="",
        declared_watts_idle=Decimal(20),
        declared_watts_busy=Decimal(65),
        simulated=simulated,
        state="ACTIVE",
    )


def make_seller(
    connection: psycopg.Connection[Any],
    name: str,
    *,
    input_price: str = "0.001",
    output_price: str = "0.002",
    chip_second_price: str = "0",
    fee_bps: int = 500,
    currency: str = "USD",
    simulated: bool = False,
    slug: str = "small",
) -> Seller:
    """An organization with a site, a node and a live offer; prices are for one token."""
    organization = make_organization(connection, name)
    model = make_model(connection, slug)
    site = _make_site(connection, organization, name, currency)
    node = _make_node(connection, organization, name, site, simulated=simulated)
    by_time = Decimal(chip_second_price) > 0
    offer = insert(
        connection,
        "offer",
        uid=ids.make_uid(),
        organization_id=organization,
        site_id=site,
        model_id=model,
        currency=currency,
        unit="CHIP_SECOND" if by_time else "TOKEN",
        slots=4,
        max_output_default=256,
        max_output_cap=1024,
        state="LIVE",
        supported="[]",
        created_at=JUST_BEFORE,
    )
    insert(connection, "endpoint", offer_id=offer, node_id=node, upstream_model="small.gguf")
    card = insert(
        connection,
        "price_card",
        uid=ids.make_uid(),
        offer_id=offer,
        number=1,
        currency=currency,
        starts_at=JUST_BEFORE,
        input_price=Decimal(input_price),
        cached_input_price=Decimal(input_price) / 2,
        output_price=Decimal(output_price),
        chip_second_price=Decimal(chip_second_price),
        fee_bps=fee_bps,
        breakdown="{}",
        created_at=JUST_BEFORE,
    )
    return Seller(organization, offer, card, node, model)


def account(connection: psycopg.Connection[Any], purpose: str, organization: int | None = None) -> int:
    """Find or open an account in USD."""
    return int(fetch_value(connection, "SELECT account_v1(%s, %s, 'USD')", purpose, organization))
