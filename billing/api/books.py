"""An organization's own accounts in the ledger, and what moved on them."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.filters import Filters, Since, Until, Word
from accounts.api.schema import describe
from billing import own_books, wallets
from billing.api.serializers import AccountAnswer, AccountsAnswer, MovementAnswer, WalletAnswer

CURRENCY = OpenApiParameter("currency", {"type": "string", "pattern": "^[A-Z]{3,5}$"}, OpenApiParameter.PATH)
PURPOSE = OpenApiParameter("purpose", enum=own_books.PURPOSES, location=OpenApiParameter.PATH)


class MovementFilters(Filters):
    """What movements can be narrowed by."""

    kind = Word(field_name="entry__kind", help_text="As in CHARGE.")
    since = Since("entry__happened_at")
    until = Until("entry__happened_at")


class WalletDetail(OrganizationView):
    """Prepaid money in one currency."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("wallets_read", "A wallet", answer=WalletAnswer, parameters=(CURRENCY,))
    def get(self, request: Request, currency: str) -> Response:
        """What is posted, what of it is held, what is free."""
        found = wallets.find_wallet(organization_id=self.caller().organization.pk, currency=currency)
        return Response(WalletAnswer(found).data)


class AccountList(OrganizationView):
    """An organization's accounts in the ledger."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("accounts_list", "Your accounts in the ledger", answer=AccountsAnswer)
    def get(self, request: Request) -> Response:
        """Every one with its balance, oldest first."""
        found = own_books.list_accounts(organization_id=self.caller().organization.pk)
        return Response(AccountsAnswer({"results": found}).data)


class AccountDetail(OrganizationView):
    """One account."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("accounts_read", "An account", answer=AccountAnswer, parameters=(PURPOSE, CURRENCY))
    def get(self, request: Request, purpose: str, currency: str) -> Response:
        """Its balance."""
        organization = self.caller().organization
        found = own_books.find_account(organization_id=organization.pk, purpose=purpose, currency=currency)
        return Response(AccountAnswer(found).data)


class MovementList(OrganizationView):
    """What moved on an account."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "accounts_entries",
        "Entries of an account",
        answer=MovementAnswer,
        paged=True,
        filters=MovementFilters,
        parameters=(PURPOSE, CURRENCY),
    )
    def get(self, request: Request, purpose: str, currency: str) -> Response:
        """List them, newest first; those of all pages add up to the balance."""
        organization = self.caller().organization
        account = own_books.find_account(organization_id=organization.pk, purpose=purpose, currency=currency)
        return self.show_page(
            own_books.list_movements(account=account),
            MovementAnswer,
            filters=MovementFilters,
            key="entry_id",
            account=account,
        )
