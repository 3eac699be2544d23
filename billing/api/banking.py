"""Bank transfers: how a buyer pays by one; for operators statements, and what nobody could tell."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import Choice, Filters, Since, Until, Word
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing import wallets
from billing.api.approvals import ApprovalAnswer
from billing.api.serializers import CURRENCY
from billing.banking import accounts, assignment, booking, files
from billing.banking.assignment import Choice as Said
from billing.banking.matching import Target
from billing.models import BankAccount, BankLine, BankStatement


class WalletReferenceAnswer(serializers.Serializer[Any]):
    """Where to send a transfer, and what to write into it."""

    currency = serializers.CharField()
    holder = serializers.CharField()
    bank = serializers.CharField()
    number = serializers.CharField(help_text="The IBAN, or what the country has instead.")
    bic = serializers.CharField(help_text="Empty where the number says it all.")
    reference = serializers.CharField(help_text="Write exactly this into the transfer.")
    creditor_reference = serializers.CharField(help_text="The same as a creditor reference of ISO 11649.")


class BankAccountRequest(serializers.Serializer[Any]):
    """An account of the platform."""

    currency = serializers.RegexField(CURRENCY)
    number = serializers.CharField(max_length=50, help_text="The IBAN, or what the country has instead.")
    bic = serializers.CharField(max_length=11, required=False, allow_blank=True, default="")
    bank = serializers.CharField(max_length=100)
    holder = serializers.CharField(max_length=140)
    entity = serializers.CharField(
        max_length=12, required=False, default="HK", help_text="In whose books it is."
    )
    fee_codes = serializers.ListField(
        child=serializers.CharField(max_length=35),
        required=False,
        default=list,
        help_text="The bank's own codes of its fees, beside those of ISO 20022.",
    )


class BankAccountAnswer(serializers.Serializer[Any]):
    """An account of the platform; of its number only the end is shown."""

    uid = serializers.UUIDField()
    currency = serializers.CharField()
    entity = serializers.CharField()
    number = serializers.CharField(source="masked")
    bic = serializers.CharField()
    bank = serializers.CharField()
    holder = serializers.CharField()
    fee_codes = serializers.ListField(child=serializers.CharField())
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class BankFileAnswer(serializers.Serializer[Any]):
    """A file that was stored; `refusal` says why its statements were not taken."""

    uid = serializers.UUIDField()
    sha256 = serializers.CharField()
    state = serializers.CharField()
    refusal = serializers.CharField()
    received_at = serializers.DateTimeField()


class BankStatementAnswer(serializers.Serializer[Any]):
    """What a bank said of one account."""

    uid = serializers.UUIDField()
    account = serializers.UUIDField(source="account.uid")
    currency = serializers.CharField(source="account.currency")
    name = serializers.CharField(help_text="The bank's id of it.")
    number = serializers.IntegerField(allow_null=True)
    opening = AmountField(minimum=None)
    closing = AmountField(minimum=None)
    opens_on = serializers.DateField()
    closes_on = serializers.DateField()
    imported_at = serializers.DateTimeField()


class BankLineAnswer(serializers.Serializer[Any]):
    """One movement, and what it was booked as."""

    uid = serializers.UUIDField()
    statement = serializers.UUIDField(source="statement.uid")
    account = serializers.UUIDField(source="account.uid")
    reference = serializers.CharField(help_text="The bank's.")
    amount = AmountField(minimum=None, help_text="Positive for what came in.")
    currency = serializers.CharField(source="account.currency")
    booked_on = serializers.DateField()
    is_reversal = serializers.BooleanField()
    code = serializers.CharField(help_text="Of ISO 20022.")
    bank_code = serializers.CharField()
    end_to_end_id = serializers.CharField()
    counterparty = serializers.CharField()
    remittance = serializers.CharField()
    state = serializers.ChoiceField(choices=BankLine.State.choices)
    reason = serializers.CharField(help_text="Why it is or was in suspense.")
    organization = serializers.UUIDField(source="organization.uid", allow_null=True, default=None)
    payout = serializers.UUIDField(source="payout.uid", allow_null=True, default=None)
    entry = serializers.IntegerField(source="entry_id", allow_null=True)
    return_reference = serializers.SerializerMethodField(
        help_text="The end-to-end id that the payment back has to have; null if none is to be made."
    )

    def get_return_reference(self, line: BankLine) -> str | None:
        """While the money is to be sent back."""
        return booking.name_return(line) if line.state == BankLine.State.RETURNING else None


class BankAssignmentRequest(serializers.Serializer[Any]):
    """What a line in suspense is."""

    target = serializers.ChoiceField(
        choices=[one.value for one in assignment.CHOICES],
        help_text="BACK: it has to be sent back; of money that left, `uid` is the line it came in by.",
    )
    uid = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Of the organization, payout or other line."
    )
    reason = serializers.CharField(max_length=assignment.REASON_LENGTH_MAX)


class BankLineFilters(Filters):
    """What lines can be narrowed by."""

    state = Choice(BankLine.State.values)
    reason = Word()
    reference = Word()
    since = Since("booked_on")
    until = Until("booked_on")


class StatementFile(BaseParser):
    """A body that is a file of statements, as it is."""

    media_type = "application/xml"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        """All of it, as `content`."""
        return {"content": stream.read()}


LINES = BankLine.objects.select_related("account", "statement", "organization", "payout")


class WalletDeposit(OrganizationView):
    """How to pay into a wallet by bank transfer."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("wallets_bank_transfer", "Pay by bank transfer", answer=WalletReferenceAnswer, refusals=(404,))
    def get(self, request: Request, currency: str) -> Response:
        """Read where to send it and which reference to write into it."""
        wallet = wallets.find_wallet(organization_id=self.caller().organization.pk, currency=currency)
        return Response(WalletReferenceAnswer(accounts.find_deposit(wallet=wallet)).data)


class BankAccountList(OperatorView):
    """Accounts of the platform."""

    rights = {"GET": "billing.view_bankaccount", "POST": "billing.add_bankaccount"}

    @describe(
        "operator_bank_accounts_list",
        "Bank accounts",
        answer=BankAccountAnswer,
        paged=True,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(BankAccount.objects.all(), BankAccountAnswer)

    @describe(
        "operator_bank_accounts_create",
        "Keep a bank account",
        request=BankAccountRequest,
        answer=BankAccountAnswer,
        status=201,
        refusals=(403, 409),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Keep an account, so that its statements can be read and buyers can pay to it."""
        wanted = self.read(BankAccountRequest)

        def act() -> dict[str, Any]:
            made = accounts.open_account(
                **{**wanted, "fee_codes": tuple(wanted["fee_codes"])}, actor=self.actor(), now=timezone.now()
            )
            return dict(BankAccountAnswer(made).data)

        return self.create(act)


class BankAccountClosing(OperatorView):
    """The end of an account."""

    rights = {"POST": "billing.change_bankaccount"}

    @describe(
        "operator_bank_accounts_close",
        "Close a bank account",
        answer=BankAccountAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Take no more statements of it; a repeat changes nothing."""
        account = access.get_or_refuse(BankAccount.objects.all(), uid=uid)
        accounts.close_account(account=account, actor=self.actor(), now=timezone.now())
        account.refresh_from_db()
        return Response(BankAccountAnswer(account).data)


class BankStatementList(OperatorView):
    """What banks said."""

    parser_classes = (StatementFile,)
    rights = {"GET": "billing.view_bankstatement", "POST": "billing.add_bankstatement"}

    @describe(
        "operator_bank_statements_list",
        "Bank statements",
        answer=BankStatementAnswer,
        paged=True,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(BankStatement.objects.select_related("account"), BankStatementAnswer)

    @describe(
        "operator_bank_statements_import",
        "Hand in statements",
        answer=BankFileAnswer,
        refusals=(403, 422),
        organization=False,
    )
    def post(self, request: Request) -> Response:
        """Store a camt.053 (001.02 or 001.08, sent as application/xml), take and book its statements."""
        now = timezone.now()
        content = dict(request.data).get("content", b"")
        stored = files.receive(content=content, actor=self.actor(), now=now)
        booking.book_new_lines(now=now)
        return Response(BankFileAnswer(stored).data)


class BankLineList(OperatorView):
    """Movements on statements."""

    rights = {"GET": "billing.view_bankline"}

    @describe(
        "operator_bank_lines_list",
        "Lines of bank statements",
        answer=BankLineAnswer,
        paged=True,
        filters=BankLineFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first; `state=SUSPENSE` is what waits for people."""
        return self.show_page(LINES, BankLineAnswer, filters=BankLineFilters)


class BankLineAssignment(OperatorView):
    """What somebody says that a line is."""

    rights = {"POST": "billing.change_bankline"}

    @describe(
        "operator_bank_lines_assign",
        "Say what a line is",
        request=BankAssignmentRequest,
        answer=ApprovalAnswer,
        status=201,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Say what a line in suspense is; it is booked so once somebody else has approved it."""
        wanted = self.read(BankAssignmentRequest)
        line = access.get_or_refuse(LINES, uid=uid)

        def act() -> dict[str, Any]:
            approval = assignment.prepare(
                line=line,
                choice=Said(Target(wanted["target"]), wanted["uid"]),
                reason=wanted["reason"],
                actor=self.actor(),
                now=timezone.now(),
            )
            return dict(ApprovalAnswer(approval).data)

        return self.create(act)
