"""For providers: what was settled, what is on its way, and how often."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import Choice, Filters, Since, Until, Word
from accounts.api.schema import describe
from billing.api.statements import LANGUAGE
from billing.models import Payout, PayoutSchedule, SettlementItem
from billing.settlement import advice, advice_pdf, terms
from billing.settlement.terms import Every
from billing.statements.files import PDF, choose_language
from core.errors import Invalid


class PayoutAnswer(serializers.Serializer[Any]):
    """Money on its way to a provider."""

    uid = serializers.UUIDField()
    settlement = serializers.UUIDField(source="item.uid", help_text="What it pays.")
    amount = AmountField()
    currency = serializers.CharField()
    rail = serializers.CharField()
    state = serializers.ChoiceField(choices=Payout.State.choices)
    reference = serializers.CharField(
        source="external_id", allow_null=True, help_text="What the rail calls it; null before it is sent."
    )
    reason = serializers.CharField(help_text="Why it came back, if it did.")
    planned_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True, help_text="When it came back; it is owed again.")


class SettlementLineAnswer(serializers.Serializer[Any]):
    """All that happened of one kind since the last settlement."""

    kind = serializers.CharField()
    count = serializers.IntegerField()
    amount = AmountField(minimum=None, help_text="Positive for what the provider got.")


class SettlementAnswer(serializers.Serializer[Any]):
    """
    What one provider was owed up to a cutoff, and what became of it.

    `opening` and the lines come to `balance`; `carried` is `balance + released - held - tax - fee - amount`.
    """

    uid = serializers.UUIDField()
    period = serializers.CharField(source="batch.period")
    currency = serializers.CharField(source="batch.currency")
    cutoff = serializers.IntegerField(source="batch.cutoff_seq", help_text="The ledger's number.")
    opening = AmountField(minimum=None)
    lines = SettlementLineAnswer(many=True)
    charges = serializers.IntegerField(help_text="How many are behind it.")
    balance = AmountField(minimum=None)
    held = AmountField(help_text="Kept back because the provider is new.")
    released = AmountField()
    tax = AmountField(help_text="Withheld.")
    fee = AmountField(help_text="Of the payout.")
    amount = AmountField(help_text="What is paid out.")
    carried = AmountField(minimum=None, help_text="What is owed on, to be paid another time.")
    refusal = serializers.CharField(
        help_text="Why nothing is paid: BELOW_MINIMUM, NEGATIVE, NEW, NO_METHOD, NOT_ALLOWED; empty if it is."
    )
    outcome = serializers.ChoiceField(choices=SettlementItem.Outcome.choices, allow_null=True)
    payout = serializers.SerializerMethodField()

    def get_payout(self, item: SettlementItem) -> str | None:
        """The payout's uid; null if there is none."""
        payout = getattr(item, "payout", None)
        return str(payout.uid) if payout else None


class AdviceRowAnswer(serializers.Serializer[Any]):
    """One line behind a payout: a charge, or another entry."""

    number = serializers.IntegerField(help_text="Of its entry in the ledger.")
    kind = serializers.CharField()
    happened_at = serializers.DateTimeField()
    usage_id = serializers.IntegerField(allow_null=True)
    amount = AmountField(minimum=None, help_text="What was sold.")
    fee = AmountField(minimum=None)
    overrun = AmountField(minimum=None)
    net = AmountField(minimum=None, help_text="What the provider got of it.")


class AdviceAnswer(serializers.Serializer[Any]):
    """Lines in the ledger's order; `next` is null on the last page."""

    results = AdviceRowAnswer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Pass it as `after` for the next lines.")


class ScheduleRequest(serializers.Serializer[Any]):
    """How often to be paid."""

    every = serializers.ChoiceField(choices=PayoutSchedule.Every.choices)


class ScheduleAnswer(serializers.Serializer[Any]):
    """How often a provider is paid."""

    every = serializers.ChoiceField(choices=PayoutSchedule.Every.choices)


class PayoutFilters(Filters):
    """What payouts can be narrowed by."""

    state = Choice(Payout.State.values)
    currency = Word()
    rail = Word()
    since = Since("planned_at")
    until = Until("planned_at")


class PayoutList(OrganizationView):
    """Money on its way."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("payouts_list", "Payouts", answer=PayoutAnswer, paged=True, filters=PayoutFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = Payout.objects.filter(organization=self.caller().organization).select_related("item")
        return self.show_page(rows, PayoutAnswer, filters=PayoutFilters)


class PayoutDetail(OrganizationView):
    """One payout."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("payouts_read", "A payout", answer=PayoutAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read how far it has come."""
        rows = Payout.objects.select_related("item")
        return Response(
            PayoutAnswer(access.find_owned(rows, organization=self.caller().organization, uid=uid)).data
        )


class SettlementList(OrganizationView):
    """What was settled."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("settlements_list", "Settlements", answer=SettlementAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, newest first; also those in which nothing was paid, with the reason."""
        rows = advice.list_settlements(organization=self.caller().organization)
        return self.show_page(rows, SettlementAnswer)


class SettlementDetail(OrganizationView):
    """One settlement."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("settlements_read", "A settlement", answer=SettlementAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it, with what happened by kind."""
        found = advice.find_settlement(organization=self.caller().organization, uid=uid)
        return Response(SettlementAnswer(found).data)


class SettlementAdvice(OrganizationView):
    """Every charge behind a settlement."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "settlements_advice",
        "Remittance advice",
        answer=AdviceAnswer,
        refusals=(422,),
        parameters=[OpenApiParameter("after", OpenApiTypes.STR, description="From `next` of a page.")],
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """List every charge and entry behind it, oldest first, a thousand at a time."""
        found = advice.find_settlement(organization=self.caller().organization, uid=uid)
        rows = advice.list_rows(item=found, after=read_cursor(request.query_params.get("after", "")))
        more = f"{rows[-1].number}-{rows[-1].usage_id or 0}" if len(rows) == advice.ROWS_MAX else None
        return Response(AdviceAnswer({"results": rows, "next": more}).data)


class SettlementAdviceFile(OrganizationView):
    """The same as a file."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "settlements_advice_csv", "Remittance advice as CSV", answer={(200, "text/csv"): OpenApiTypes.STR}
    )
    def get(self, request: Request, uid: UUID) -> StreamingHttpResponse:
        """Download all of it: the opening, every charge, what was taken, the payout, and what is carried."""
        found = advice.find_settlement(organization=self.caller().organization, uid=uid)
        return answer_csv(found)


class SettlementAdvicePdf(OrganizationView):
    """The same to print."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "settlements_advice_pdf",
        "Remittance advice as PDF",
        answer={(200, "application/pdf"): OpenApiTypes.BINARY},
        refusals=(422, 503),
        parameters=[LANGUAGE],
    )
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """Print it: every line, or above 2,000 of them their sums, with the digest of the CSV."""
        found = advice.find_settlement(organization=self.caller().organization, uid=uid)
        return answer_pdf(found, language=request.query_params.get("language", ""))


class ScheduleDetail(OrganizationView):
    """How often."""

    needs = {"GET": Permission.VIEW_MONEY, "PUT": Permission.MANAGE_MONEY}

    @describe("payout_schedule_read", "Payout schedule", answer=ScheduleAnswer)
    def get(self, request: Request) -> Response:
        """Read how often the organization is paid."""
        every = terms.find_schedule(organization_id=self.caller().organization.pk)
        return Response(ScheduleAnswer({"every": every}).data)

    @describe(
        "payout_schedule_choose", "Choose a payout schedule", request=ScheduleRequest, answer=ScheduleAnswer
    )
    def put(self, request: Request) -> Response:
        """Choose how often: every day, week (on Monday) or month (on the 1st), if something is owed."""
        wanted, caller = self.read(ScheduleRequest), self.caller()
        every = terms.choose_schedule(
            organization=caller.organization,
            every=Every(wanted["every"]),
            actor=caller.actor,
            now=timezone.now(),
        )
        return Response(ScheduleAnswer({"every": every}).data)


def read_cursor(text: str) -> tuple[int, int]:
    """
    Where a page of an advice goes on.

    :raises core.errors.Invalid: for what no page ended with
    """
    if not text:
        return (0, 0)
    parts = text.split("-")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        raise Invalid("This is no cursor.", parameter="after")
    return (int(parts[0]), int(parts[1]))


def answer_csv(item: SettlementItem) -> StreamingHttpResponse:
    """The advice of an item as a download."""
    answer = StreamingHttpResponse(advice.write_csv(item=item), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name_file(item)}.csv"'
    return answer


def answer_pdf(item: SettlementItem, *, language: str) -> HttpResponse:
    """
    The advice of an item as it is printed.

    :raises billing.statements.rendering.NotRendered: if it could not be set
    """
    pdf = advice_pdf.render_advice(item=item, language=choose_language(language))
    answer = HttpResponse(pdf, content_type=PDF)
    answer["Content-Disposition"] = f'attachment; filename="{name_file(item)}.pdf"'
    answer["Cache-Control"] = "private, no-store"
    return answer


def name_file(item: SettlementItem) -> str:
    """What files of an advice are called."""
    return f"advice-{item.batch.currency}-{item.batch.period}-{item.uid}".replace(":", "")
