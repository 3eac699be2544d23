"""The page about the ledger's entries: each example is posted by the code that posts it in earnest."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from accounts import audit, organizations
from accounts.models import KeyMode, Organization
from billing import bookings, charges, claims, ledger, spending_keys, verification, wallets, xts
from billing.models import Charge, Entry, Posting, SellerProfile, TaxRule
from billing.statements import invoices
from core.money import Money
from core.sql import REPOSITORY
from tests import heat_scene
from tests.api.conftest import make_operator, use_second_factor
from tests.banking import examples as bank_examples
from tests.billing import exchange
from tests.billing.exchange import Buyer, Seller
from tests.databases import Database
from tests.docs import frozen, settled
from tests.fx import examples as fx_examples
from tests.rails import chains
from tests.stripe import examples

PAGE = (REPOSITORY / "docs/reference/ledger-entries.md").read_text(encoding="utf-8")
POSTING_SQL = re.compile(
    r"(?:INSERT INTO entry |(?:PERFORM|FROM|SELECT) post_v1\(|:= post_gain_v1\("
    r"|:= (?:made \|\| )?post_settled_v1\().*?;",
    re.DOTALL,
)
OPERATE = (REPOSITORY / "docs/how-to/operate.md").read_text(encoding="utf-8")
LAYERS = ("accounts", "billing", "marketplace", "workers", "gateway", "config", "core")
BUYER = "7"
MUCH = Money.parse("1000", "USD")


@dataclass(frozen=True, slots=True)
class Example:
    """One block of the page: what is given, and the entry that follows from it."""

    given: tuple[dict[str, str], ...]
    kind: str
    key: str
    lines: dict[str, Decimal]

    @classmethod
    def parse(cls, block: str) -> "Example":
        """Read a block; a line that is none of the three kinds is an error."""
        facts = [line.removeprefix("; ") for line in block.splitlines() if line.startswith(";")]
        head, *lines = [line for line in block.splitlines() if not line.startswith(";")]
        given = [dict(fact.split(maxsplit=1) for fact in re.split(r"\s{2,}", line)) for line in facts]
        kind, key = head.split()
        legs = [re.fullmatch(r"  (\S+) +(-?[0-9]+\.[0-9]{9})", line) for line in lines]
        assert all(legs), block
        return cls(tuple(given), kind, key, {leg[1]: Decimal(leg[2]) for leg in legs if leg})


EXAMPLES = [Example.parse(block) for block in re.findall(r"```entry\n(.*?)```", PAGE, re.DOTALL)]


@dataclass(slots=True)
class Scene:
    """The organizations of an example, and the real numbers behind those of the page."""

    app: psycopg.Connection[Any]
    now: datetime
    buyer: Organization
    numbers: dict[str, str]
    owner_dsn: str

    def rename(self, code: str) -> str:
        """An account's code as the page writes it."""
        return ":".join(self.numbers.get(part, part) for part in code.split(":"))


@pytest.fixture
def scene(db: Database, lab: Organization, now: datetime) -> Iterator[Scene]:
    """A buyer; providers come with the charges."""
    with db.connect() as app:
        yield Scene(app, now, lab, {str(lab.pk): BUYER}, db.owner_dsn)


def top_up(scene: Scene, example: Example) -> int:
    [given] = example.given
    amount, currency = given["amount"].split()
    return wallets.top_up(
        organization_id=scene.buyer.pk,
        amount=Money.parse(amount, currency),
        bank_reference=given["bank_reference"],
        actor="test",
        happened_at=scene.now,
    ).entry_id


def reverse(scene: Scene, example: Example) -> int:
    posted = ledger.reverse(
        entry_id=top_up(scene, example), actor="test", reason="a test", happened_at=scene.now
    )
    return posted.entry_id


def fill_test_wallet(scene: Scene, example: Example) -> int:
    xts.fill_wallet(organization=scene.buyer, actor=audit.SYSTEM, now=scene.now)
    assert example.given == ({"amount": f"{xts.FULL.amount.normalize():f} XTS"},)
    return Entry.objects.latest("id").pk


def charge(scene: Scene, example: Example) -> int:
    """Admit, record and post the jobs of an example as gateways and tasks do."""
    currency = example.given[0].get("currency", "USD")
    buyer = make_buyer(scene, "XTS" if currency == "XTS" else "USD")
    if "rate" in example.given[0]:
        with psycopg.connect(scene.owner_dsn, autocommit=True) as owner:
            facts = example.given[0]
            exchange.set_rate(owner, "USD", currency, mid=facts["mid"], rate=facts["rate"])
    sellers: dict[str, Seller] = {}
    for facts in example.given:
        if facts["provider"] not in sellers:
            sellers[facts["provider"]] = make_seller(scene, facts, currency)
        admitted = exchange.admit(
            scene.app,
            buyer,
            sellers[facts["provider"]],
            in_bound=int(facts["in_bound"]),
            out_bound=int(facts["out_bound"]),
        )
        row = exchange.record(
            scene.app,
            admitted.attempt_id,
            tokens_in=int(facts["tokens_in"]),
            out=int(facts["tokens_out"]),
            method=facts.get("counted_by", "deltas"),
        )
        assert row["verdict"] == "ok"
    tally = charges.post_charges(seconds_max=10)
    assert (tally.charges, tally.entries) == (len(example.given), 1)
    return Entry.objects.latest("id").pk


def refund(scene: Scene, example: Example) -> int:
    charge(scene, example)
    [given] = example.given
    bearer = bookings.Bearer(given["borne_by"])
    words: dict[str, Any] = {"reason": "a test", "actor": audit.SYSTEM, "now": scene.now, "borne_by": bearer}
    usage = Charge.objects.get().pk
    if "credit" in given:
        return claims.credit_charge(usage_id=usage, amount=Decimal(given["credit"]), **words).entry_id
    return bookings.refund_charge(usage_id=usage, **words).entry_id


def give_back(scene: Scene, example: Example) -> int:
    """Charge, then have the price become final as its owner would write it."""
    charge(scene, example)
    [given] = example.given
    usage = Charge.objects.get().pk
    with psycopg.connect(scene.owner_dsn) as owner, owner.cursor() as cursor:
        cursor.execute(
            "INSERT INTO final_price (card_id, starts_at, ends_at, per_kwh, input_price, cached_input_price,"
            " output_price, chip_second_price) SELECT a.card_id, a.started_at,"
            " a.started_at + interval '1 hour', 0.05, %s::numeric, 0, %s::numeric, 0"
            " FROM usage_record u JOIN attempt a ON a.id = u.attempt_id"
            " WHERE u.id = %s",
            [given["final_input_price"], given["final_output_price"], usage],
        )
        cursor.execute(
            "SELECT g.settled FROM usage_record u JOIN attempt a ON a.id = u.attempt_id"
            " JOIN price_card c ON c.id = a.card_id JOIN final_price f ON f.card_id = c.id CROSS JOIN LATERAL"
            " give_back_v1(ARRAY[u.id], ARRAY["
            "rate_v1(u.billed_in, u.billed_cached, u.billed_out, u.chip_seconds,"
            " f.input_price, f.cached_input_price, f.output_price, f.chip_second_price)], ARRAY[c.fee_bps],"
            " ARRAY[f.id]) g"
        )
        assert cursor.fetchall() == [(1,)]
    return Entry.objects.latest("id").pk


def make_buyer(scene: Scene, currency: str) -> Buyer:
    mode = KeyMode.TEST if currency == "XTS" else KeyMode.LIVE
    issued = spending_keys.issue_key(
        organization=scene.buyer, name="key", mode=mode, actor=audit.SYSTEM, now=scene.now
    )
    if mode == KeyMode.LIVE:
        wallets.top_up(
            organization_id=scene.buyer.pk,
            amount=MUCH,
            bank_reference="much",
            actor="test",
            happened_at=scene.now,
        )
    wallet = wallets.find_wallet(organization_id=scene.buyer.pk, currency=currency)
    return Buyer(scene.buyer.pk, issued.key.pk, wallet.id, wallet.account_id)


def make_seller(scene: Scene, facts: dict[str, str], currency: str) -> Seller:
    seller = exchange.make_seller(
        scene.app,
        f"Farm {facts['provider']}",
        input_price=facts["input_price"],
        output_price=facts["output_price"],
        fee_bps=int(facts["fee_bps"]),
        currency=currency,
        simulated=currency == "XTS",
    )
    scene.numbers[str(seller.organization_id)] = facts["provider"]
    return seller


def pay_heat(scene: Scene, example: Example) -> int:
    """Read a heat meter, have the buyer confirm it, and perhaps correct the reading."""
    [facts] = example.given
    provider = organizations.create_organization(name="Farm", country="SE", now=scene.now)
    scene.numbers[str(provider.pk)] = facts["provider"]
    wallets.top_up(
        organization_id=scene.buyer.pk,
        amount=MUCH,
        bank_reference="much",
        actor="test",
        happened_at=scene.now,
    )
    contract = heat_scene.agree(
        scene.buyer,
        provider,
        price=facts["price"],
        fee_bps=int(facts["fee_bps"]),
        meter_from=facts["meter_from"],
        now=scene.now,
    )
    heat_scene.read(contract, facts["meter_to"], now=scene.now)
    if "corrected_to" in facts:
        heat_scene.read(contract, facts["corrected_to"], now=scene.now, reason="misread")
    return Entry.objects.filter(kind="HEAT").latest("id").pk


def settle(scene: Scene, example: Example) -> int:
    [facts] = example.given
    return settled.settle(facts, example.kind, numbers=scene.numbers, now=scene.now)


def tax(scene: Scene, example: Example) -> int:
    """Invoice a charge to a buyer whose country has a tax."""
    charge(scene, example)
    SellerProfile.objects.create(entity_id="HK", name="Seller", address="Road 1", changed_at=scene.now)
    TaxRule.objects.create(
        seller_country="HK", rate=example.given[0]["tax_rate"], label="VAT", valid_from=scene.now.date()
    )
    later = timezone.now() + timedelta(days=1)
    invoices.issue(
        organization=scene.buyer, currency="USD", until=later.date(), actor=audit.SYSTEM, now=later
    )
    return Entry.objects.get(kind="TAX").pk


def deposit(scene: Scene, example: Example) -> int:
    [facts] = example.given
    amount, owner = Decimal(facts["deposit"]), scene.buyer if facts["address"] == "given" else None
    if "owner" in facts:
        return chains.assign(amount, owner=scene.buyer, now=scene.now).pk
    return chains.deposit(amount, owner=owner, now=scene.now).pk


def take_in(scene: Scene, example: Example) -> int:
    [facts] = example.given
    return examples.post(scene.buyer, example.kind, facts)


def read_statement(scene: Scene, example: Example) -> int:
    [facts] = example.given
    return bank_examples.post(scene.buyer, example.kind, facts["line"].split()[0])


def exchange_money(scene: Scene, example: Example) -> int:
    [facts] = example.given
    return fx_examples.post(scene.buyer, example.kind, facts)


def freeze(scene: Scene, example: Example) -> int:
    [facts] = example.given
    return frozen.play(example.kind, facts, scene.buyer, scene.now)


POST: dict[str, Callable[[Scene, Example], int]] = {
    "TOPUP": top_up,
    "TEST_MONEY": fill_test_wallet,
    "CHARGE": charge,
    "HEAT": pay_heat,
    **dict.fromkeys(("REFUND", "CLAIM"), refund),
    "GIVE_BACK": give_back,
    "TAX": tax,
    **dict.fromkeys(bank_examples.KINDS, read_statement),
    **dict.fromkeys(examples.KINDS, take_in),
    **dict.fromkeys(fx_examples.KINDS, exchange_money),
    **dict.fromkeys(("DEPOSIT", "DEPOSIT_UNASSIGNED", "DEPOSIT_ASSIGNED"), deposit),
    **dict.fromkeys(frozen.KINDS, freeze),
    "REVERSAL": reverse,
    **dict.fromkeys(settled.KINDS, settle),
}


@pytest.mark.sql
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_is_what_the_code_posts(scene: Scene, number: int) -> None:
    example = EXAMPLES[number]

    entry = Entry.objects.get(pk=POST[example.kind](scene, example))

    postings = Posting.objects.filter(entry=entry).select_related("account")
    assert {scene.rename(row.account.code): row.amount for row in postings} == example.lines
    assert entry.kind == example.kind
    assert re.fullmatch(re.escape(example.key).replace(r"\*", ".+"), entry.key)
    assert verification.verify() == []


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_sums_to_zero_in_each_currency(number: int) -> None:
    sums: dict[str, Decimal] = {}
    for code, amount in EXAMPLES[number].lines.items():
        currency = code.rsplit(":", 1)[1]
        sums[currency] = sums.get(currency, Decimal(0)) + amount

    assert set(sums.values()) == {Decimal(0)}


def find_kinds() -> set[str]:
    """Every kind of entry that the code can post: what calls of `post` name, and what SQL inserts."""
    kinds = set()
    for path in (path for layer in LAYERS for path in (REPOSITORY / layer).rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            if name == "post" and {"kind", "lines"} <= given.keys():
                kind = given["kind"]
                assert isinstance(kind, ast.Constant), f"{path}:{call.lineno} posts a kind that is no literal"
                kinds.add(str(kind.value))
    for path in (path for layer in LAYERS for path in (REPOSITORY / layer).rglob("*.sql")):
        for statement in POSTING_SQL.findall(path.read_text()):
            kinds.update(re.findall(r"'([A-Z_]{3,30})'", statement))
    return kinds


def test_every_kind_of_entry_has_an_example() -> None:
    headings = set(re.findall(r"^### ([A-Z_]+):", PAGE, re.MULTILINE))

    assert find_kinds() == headings == {example.kind for example in EXAMPLES} == set(POST)


def test_the_chart_is_the_databases(scene: Scene) -> None:
    rows = exchange.fetch(scene.app, "SELECT purpose, prefix, category, owned FROM account_purpose")
    chart = {
        (row["purpose"], row["prefix"], row["category"], ("platform", "each organization")[row["owned"]])
        for row in rows
    }

    row = re.compile(r"^\| ([A-Z_]+) \| `([a-z_:]+)` \| ([A-Z]+) \| ([a-z ]+) \|", re.MULTILINE)
    assert set(row.findall(PAGE)) == chart


def test_accounts_that_are_said_to_hold_nothing_are_in_no_example() -> None:
    idle = re.findall(r"^\| [A-Z_]+ \| `([a-z_:]+)` \|.*\| nothing yet", PAGE, re.MULTILINE)
    used = {code.rsplit(":", 1)[0] for example in EXAMPLES for code in example.lines}

    assert not [code for code in used if any(code.startswith(prefix) for prefix in idle)]


def test_what_operators_are_told_to_send_credits_a_wallet(lab: Organization) -> None:
    [sent] = re.findall(r"## Top-ups.*?top-ups .*?-d '(\{.*?\})'", OPERATE, re.DOTALL)
    operator = use_second_factor(make_operator("billing.add_entry"))

    answer = operator.post(
        "/api/operator/top-ups", json.loads(sent.replace("…", str(lab.uid))), format="json"
    )

    assert answer.status_code == 201, answer.content
    wallet = wallets.find_wallet(organization_id=lab.pk, currency="USD")
    assert wallet.available == Money.parse("250", "USD")
    assert verification.verify() == []
