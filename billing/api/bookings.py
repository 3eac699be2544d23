"""For operators: the ledger's entries, and what is booked by hand."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.api.fields import AmountField
from accounts.api.filters import Filters, Since, Until, Word
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from accounts.models import Organization
from billing import bookings
from billing.api.serializers import CURRENCY
from billing.bookings import Bearer
from billing.ledger import Posted
from billing.models import Entry
from core.money import Money

REASON_LENGTH_MAX = 1000


class TopUpRequest(serializers.Serializer[Any]):
    """Money that arrived in the bank."""

    organization = serializers.UUIDField()
    amount = AmountField(help_text="More than nothing.")
    currency = serializers.RegexField(CURRENCY)
    bank_reference = serializers.RegexField(
        r"^[!-~]([ -~]{0,138}[!-~])?$", help_text="Of the transfer; each is booked once."
    )
    happened_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="When it arrived; now, if not said."
    )


class ReasonRequest(serializers.Serializer[Any]):
    """Why something is undone."""

    reason = serializers.CharField(max_length=REASON_LENGTH_MAX)


class RefundRequest(ReasonRequest):
    """Why a buyer gets a charge back, and who pays for it."""

    borne_by = serializers.ChoiceField(
        choices=Bearer.choices,
        help_text="PROVIDER: provider and platform give back what each got. PLATFORM: we pay all of it.",
    )


class PostingAnswer(serializers.Serializer[Any]):
    """One leg of an entry: positive for a debit."""

    account = serializers.CharField(source="account.code")
    amount = AmountField(minimum=None)
    currency = serializers.CharField()


class EntryAnswer(serializers.Serializer[Any]):
    """One movement of money; its postings sum to zero in every currency."""

    id = serializers.IntegerField()
    number = serializers.IntegerField(
        source="number.seq",
        allow_null=True,
        default=None,
        help_text="Gap-free, in the order of the ledger; null for a moment after the entry was made.",
    )
    key = serializers.CharField()
    kind = serializers.CharField()
    actor = serializers.CharField()
    reason = serializers.CharField()
    reverses = serializers.IntegerField(source="reverses_id", allow_null=True)
    reversed_by = serializers.IntegerField(source="reversed_by.id", allow_null=True, default=None)
    happened_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    postings = PostingAnswer(many=True)


class EntryFilters(Filters):
    """What entries can be narrowed by."""

    kind = Word()
    key = Word(help_text="As in `topup:bank:RF18-5390`.")
    since = Since("recorded_at")
    until = Until("recorded_at")


ENTRIES = Entry.objects.select_related("number", "reversed_by").prefetch_related("postings__account")


class EntryList(OperatorView):
    """The ledger's entries."""

    rights = {"GET": "billing.view_entry"}

    @describe(
        "operator_entries_list",
        "Entries of the ledger",
        answer=EntryAnswer,
        paged=True,
        filters=EntryFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(ENTRIES.all(), EntryAnswer, filters=EntryFilters)


class BookingView(OperatorView):
    """A view that books; the answer is the entry, also to a repeat."""

    rights = {"POST": "billing.add_entry"}

    def book(self, act: Callable[[], Posted]) -> HttpResponse:
        """Book it, and show the entry."""

        def show() -> dict[str, Any]:
            return dict(EntryAnswer(ENTRIES.get(pk=act().entry_id)).data)

        return self.create(show)


class TopUpList(BookingView):
    """Money that arrived in the bank."""

    @describe(
        "operator_top_ups_create",
        "Credit a bank transfer",
        request=TopUpRequest,
        answer=EntryAnswer,
        status=201,
        refusals=(403, 404),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Credit it to the organization's wallet, once for each bank reference; a repeat changes nothing."""
        wanted, now = self.read(TopUpRequest), timezone.now()
        organization = access.get_or_refuse(Organization.objects.all(), uid=wanted["organization"])
        return self.book(
            lambda: bookings.book_top_up(
                organization=organization,
                amount=Money(wanted["amount"], wanted["currency"]),
                bank_reference=wanted["bank_reference"],
                actor=self.actor(),
                happened_at=wanted["happened_at"] or now,
                now=now,
            )
        )


class ReversalPreparedAnswer(serializers.Serializer[Any]):
    """A reversal that waits for its second person."""

    approval = serializers.UUIDField(source="uid")
    sha256 = serializers.CharField(help_text="Of what is approved: the mirror image and the reason.")
    state = serializers.CharField()


class EntryReversalPreparation(OperatorView):
    """A reversal that somebody else has to approve."""

    rights = {"POST": "billing.add_entry"}

    @describe(
        "operator_entries_prepare_reversal",
        "Prepare the reversal of an entry",
        request=ReasonRequest,
        answer=ReversalPreparedAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, number: int) -> Response:
        """Ask a second person; another reason makes what was asked before void."""
        wanted = self.read(ReasonRequest)
        entry = access.get_or_refuse(Entry.objects.all(), pk=number)
        asked = bookings.prepare_reversal(
            entry=entry, reason=wanted["reason"], actor=self.actor(), now=timezone.now()
        )
        return Response(ReversalPreparedAnswer(asked).data)


class EntryReversal(BookingView):
    """The undoing of an entry."""

    @describe(
        "operator_entries_reverse",
        "Reverse a top-up or a refund",
        request=ReasonRequest,
        answer=EntryAnswer,
        status=201,
        refusals=(402, 403, 404),
        organization=False,
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        """
        Post its mirror image, as a second person approved it for this reason; both stay.

        A wallet that has spent the money refuses it.
        """
        wanted = self.read(ReasonRequest)
        entry = access.get_or_refuse(Entry.objects.all(), pk=number)
        return self.book(
            lambda: bookings.reverse_entry(
                entry=entry, reason=wanted["reason"], actor=self.actor(), now=timezone.now()
            )
        )


class ChargeRefund(BookingView):
    """The way of a charge back to its buyer."""

    @describe(
        "operator_charges_refund",
        "Give a charge back",
        request=RefundRequest,
        answer=EntryAnswer,
        status=201,
        refusals=(403, 404),
        organization=False,
    )
    def post(self, request: Request, usage: int) -> HttpResponse:
        """Give the buyer all of it back, once; limits go on counting it as spent."""
        wanted = self.read(RefundRequest)
        return self.book(
            lambda: bookings.refund_charge(
                usage_id=usage,
                borne_by=Bearer(wanted["borne_by"]),
                reason=wanted["reason"],
                actor=self.actor(),
                now=timezone.now(),
            )
        )
