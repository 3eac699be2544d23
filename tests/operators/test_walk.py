"""An operator's way: what empty pages say, and from the trial balance to the receipt and back."""

import re
from urllib.parse import quote

from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.models import ChargeEntry, LedgerAccount, Scope
from config.navigation import GROUPS
from tests.api import running
from tests.api.conftest import Farm, estate, now, store  # noqa: F401
from tests.databases import Database
from tests.market import small, stand  # noqa: F401
from tests.operators.test_books import charged, operator  # noqa: F401
from tests.workers.test_claims import claim, decide
from workers.models import Attempt, Receipt

LISTS = sorted({page for _, items in GROUPS for _, _, page, _ in items if page.endswith("_changelist")})
OTHERS = sorted({page for _, items in GROUPS for _, _, page, _ in items} - set(LISTS))
TEXTS = {
    "billing_trial_balance": "Nothing has moved yet.",
    "billing_fx_book": "Nothing was exchanged yet.",
    "billing_bank_import": "Hand in statements",
    "billing_railfile_waiting": "Nothing waits for a file.",
}
"""What other pages than lists say before anything happened."""


def read(client: Client, address: str) -> str:
    answer = client.get(address, follow=True)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_an_empty_list_of_money_says_how_its_first_row_comes(db: Database, operator: Client) -> None:  # noqa: F811
    silent = []
    for page in LISTS:
        text = read(operator, reverse(f"admin:{page}"))
        if 'id="result_list"' not in text and not re.search(r"Nothing here yet</h2>\s*<p>.+</p>\s*<p>", text):
            silent.append(page)
    assert "Add tax rule" in read(operator, reverse("admin:billing_taxrule_changelist"))
    silent += [page for page in OTHERS if TEXTS[page] not in read(operator, reverse(f"admin:{page}"))]

    assert silent == []


def test_a_search_without_a_result_leads_back(db: Database, operator: Client) -> None:  # noqa: F811
    page = reverse("admin:billing_entry_changelist")

    narrowed = read(operator, f"{page}?q=nothing+of+the+kind")

    assert "Nothing fits" in narrowed
    assert "makes the first entry" not in narrowed
    assert "makes the first entry" in read(operator, page)


def follow(client: Client, page: str, part: str) -> str:
    """Click the link of a page whose address has this part; answers the address it leads to."""
    found = re.search(rf'href="(/admin/[^"]*{part}[^"]*)"', read(client, page).split('id="content"')[-1])
    assert found is not None, f"{page} leads to no {part}"
    answer = client.get(found[1], follow=True)
    assert answer.status_code == 200, found[1]
    return str(answer.redirect_chain[-1][0] if answer.redirect_chain else found[1])


def test_from_the_trial_balance_to_the_receipt_and_back(
    db: Database,
    charged: Farm,  # noqa: F811
    operator: Client,  # noqa: F811
) -> None:
    running.add_receipt(db, Attempt.objects.get())
    wallet = LedgerAccount.objects.get(purpose="WALLET")
    entry = ChargeEntry.objects.get().entry_id
    there = [reverse("admin:billing_trial_balance")]
    for part in (
        f"by-code/\\?code={quote(wallet.code)}",
        f"entry/{entry}/",
        "billing/charge/",
        "by-usage/",
        "workers/receipt/",
    ):
        there.append(follow(operator, there[-1], part))
    back = [there[-1]]
    for part in (
        "workers/attempt/",
        "billing/charge/",
        f"entry/{entry}/",
        f"ledgeraccount/{wallet.pk}/",
        "trial-balance/",
    ):
        back.append(follow(operator, back[-1], part))

    assert there[-1] == reverse("admin:workers_receipt_change", args=[Receipt.objects.get().pk])
    assert back[-1] == there[0]
    # And sideways: who earned it, and what of the wallet is held.
    earned = LedgerAccount.objects.get(purpose="PAYABLE")
    follow(operator, reverse("admin:billing_entry_change", args=[entry]), f"ledgeraccount/{earned.pk}/")
    scope = Scope.objects.get(account=wallet)
    follow(operator, reverse("admin:billing_ledgeraccount_change", args=[wallet.pk]), f"scope/{scope.pk}/")
    follow(operator, reverse("admin:billing_scope_change", args=[scope.pk]), f"ledgeraccount/{wallet.pk}/")


def test_a_credit_leads_to_its_charge_and_its_claim(charged: Farm, operator: Client) -> None:  # noqa: F811
    opened = claim(charged)
    assert "Claims (1)" in read(operator, "/admin/")
    decide(opened, "0.000000001", User.objects.get(email="operator@example.org"))
    page = reverse("admin:workers_decide_claim", args=[opened.pk])

    entry = follow(operator, page, "billing/entry/")
    charge = follow(operator, entry, "billing/charge/")
    attempt = follow(operator, charge, "by-usage/")

    assert follow(operator, charge, "billing/entry/") != ""
    assert entry in read(operator, charge)
    assert follow(operator, attempt, "workers/answerclaim/") == page
