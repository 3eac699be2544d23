"""Money in through Stripe: top-ups and refunds, automatic payments, and the door for what Stripe tells."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import Filters, Word
from accounts.api.schema import IDEMPOTENCY_HEADER, describe
from billing.api.serializers import CURRENCY
from billing.models import StripeRecharge, StripeRefund, StripeTopUp, TopUpMethod
from billing.stripe import inbox, recharge, refunds, top_ups
from billing.stripe.client import StripeUnavailable, make_client
from core.errors import DomainError
from core.money import Money
from core.problem import CONTENT_TYPE, make_problem

KEY_LENGTH_MAX = 255
REASON_LENGTH_MAX = 500


class TopUpTermsAnswer(serializers.Serializer[Any]):
    """What may be paid in at once, in one currency."""

    currency = serializers.CharField()
    methods = serializers.ListField(child=serializers.ChoiceField(choices=TopUpMethod.choices))
    least = AmountField()
    most = AmountField()


class TopUpTermsListAnswer(serializers.Serializer[Any]):
    """Every currency that can be paid in."""

    results = TopUpTermsAnswer(many=True)


class OnlineTopUpRequest(serializers.Serializer[Any]):
    """Money to be paid in on a page of Stripe's."""

    amount = AmountField()
    currency = serializers.RegexField(CURRENCY)
    method = serializers.ChoiceField(choices=TopUpMethod.choices, default=TopUpMethod.CARD)
    saves_method = serializers.BooleanField(
        default=False, help_text="Whether to keep the card for automatic payments of this wallet."
    )


class TopUpRefundAnswer(serializers.Serializer[Any]):
    """Unused money on its way back."""

    uid = serializers.UUIDField()
    amount = AmountField()
    state = serializers.ChoiceField(choices=StripeRefund.State.choices)
    reason = serializers.CharField()
    requested_at = serializers.DateTimeField()


class OnlineTopUpAnswer(serializers.Serializer[Any]):
    """A payment into a wallet."""

    uid = serializers.UUIDField()
    amount = AmountField()
    currency = serializers.CharField()
    method = serializers.ChoiceField(choices=TopUpMethod.choices)
    origin = serializers.ChoiceField(choices=StripeTopUp.Origin.choices)
    state = serializers.ChoiceField(choices=StripeTopUp.State.choices)
    page_url = serializers.CharField(help_text="Where to pay, while it is open.", allow_blank=True)
    created_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    reserved = AmountField(help_text="What of it was credited to the reserve first.")
    refundable = serializers.SerializerMethodField(
        help_text="What can go back, as far as the wallet still has it."
    )
    refunds = TopUpRefundAnswer(many=True)

    def get_refundable(self, row: StripeTopUp) -> str:
        """An amount."""
        return refunds.find_refundable(top_up=row).literal


class TopUpRefundRequest(serializers.Serializer[Any]):
    """Unused money to be sent back the way it came."""

    amount = AmountField()
    reason = serializers.CharField(max_length=REASON_LENGTH_MAX, required=False, default="unused")


class RechargeRequest(serializers.Serializer[Any]):
    """When a wallet is filled by itself, and by how much; days and months are UTC."""

    threshold = AmountField()
    amount = AmountField()
    day_most = AmountField()
    month_most = AmountField()


class RechargeAnswer(RechargeRequest):
    """A wallet that is filled by itself."""

    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=StripeRecharge.State.choices)
    reason = serializers.CharField(
        help_text="Why nothing is paid: CARD, AUTHENTICATION, DECLINED, CAP, or a refusal's code."
    )
    method_name = serializers.CharField(help_text="The card that was kept.", allow_blank=True)


class RechargesAnswer(serializers.Serializer[Any]):
    """Every wallet that is filled by itself, or was."""

    results = RechargeAnswer(many=True)


class TopUpFilters(Filters):
    """What top-ups can be narrowed by."""

    currency = Word()


class TermsList(OrganizationView):
    """What may be paid in."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("top_up_terms_list", "What may be paid in", answer=TopUpTermsListAnswer)
    def get(self, request: Request) -> Response:
        """List currencies, ways to pay, and bounds of one payment."""
        return Response(TopUpTermsListAnswer({"results": top_ups.list_terms()}).data)


class OnlineTopUpList(OrganizationView):
    """Payments into wallets."""

    needs = {"GET": Permission.VIEW_MONEY, "POST": Permission.MANAGE_MONEY}

    @describe("top_ups_list", "Top-ups", answer=OnlineTopUpAnswer, paged=True, filters=TopUpFilters)
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = StripeTopUp.objects.filter(organization=self.caller().organization)
        return self.show_page(
            rows.prefetch_related("refunds", "disputes"), OnlineTopUpAnswer, filters=TopUpFilters
        )

    @describe(
        "top_ups_create",
        "Pay in",
        request=OnlineTopUpRequest,
        answer=OnlineTopUpAnswer,
        status=201,
        refusals=(409, 429, 503),
    )
    def post(self, request: Request) -> HttpResponse:
        """Have a page made on which to pay; its address is `page_url`. With a key a repeat finds the same."""
        wanted, caller = self.read(OnlineTopUpRequest), self.caller()
        asked, now = make_client(), timezone.now()
        address = reverse("money-page", args=[caller.organization.uid])
        wish = top_ups.Wish(
            Money(wanted["amount"], wanted["currency"]),
            TopUpMethod(wanted["method"]),
            saves_method=wanted["saves_method"],
            return_url=request.build_absolute_uri(address),
            request_key=self._read_key(),
        )
        made = top_ups.request(organization=caller.organization, wish=wish, actor=caller.actor, now=now)
        # Not in one transaction with the row: nothing waits for the network with locks in its hands.
        opened = top_ups.open_page(top_up=made, asked=asked, now=now)
        if opened.state == StripeTopUp.State.FAILED:
            raise top_ups.NoPage
        return Response(OnlineTopUpAnswer(opened).data, status=201)

    def _read_key(self) -> str | None:
        key = self.request.headers.get(IDEMPOTENCY_HEADER)
        return key[:KEY_LENGTH_MAX] if key else None


class OnlineTopUpDetail(OrganizationView):
    """One payment."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("top_ups_read", "A top-up", answer=OnlineTopUpAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it."""
        row = access.find_owned(StripeTopUp.objects.all(), organization=self.caller().organization, uid=uid)
        return Response(OnlineTopUpAnswer(row).data)


class TopUpRefundList(OrganizationView):
    """The way of unused money back."""

    needs = {"POST": Permission.MANAGE_MONEY}

    @describe(
        "top_ups_refund",
        "Send unused money back",
        request=TopUpRefundRequest,
        answer=TopUpRefundAnswer,
        status=201,
        refusals=(402, 409),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Take it out of the wallet and send it back the way it came; fees of the payment stay ours."""
        wanted, caller, now = self.read(TopUpRefundRequest), self.caller(), timezone.now()
        row = access.find_owned(StripeTopUp.objects.all(), organization=caller.organization, uid=uid)
        taken: list[StripeRefund] = []

        def take() -> dict[str, Any]:
            asked = refunds.request(
                top_up=row,
                amount=wanted["amount"],
                reason=wanted["reason"],
                actor=caller.actor,
                now=now,
            )
            taken.append(asked)
            return dict(TopUpRefundAnswer(asked).data)

        answer = self.create(take)
        with suppress(StripeUnavailable):
            # What does not answer now is asked again by a task.
            for asked in taken:
                refunds.send(refund=asked, asked=make_client(), now=now)
        return answer


class RechargeList(OrganizationView):
    """Wallets that are filled by themselves."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("recharges_list", "Automatic payments", answer=RechargesAnswer)
    def get(self, request: Request) -> Response:
        """List them."""
        rows = StripeRecharge.objects.filter(organization=self.caller().organization)
        return Response(RechargesAnswer({"results": rows.order_by("currency")}).data)


class RechargeDetail(OrganizationView):
    """A wallet that is filled by itself."""

    needs = {"PUT": Permission.MANAGE_MONEY, "DELETE": Permission.MANAGE_MONEY}

    @describe(
        "recharges_set", "Have a wallet filled by itself", request=RechargeRequest, answer=RechargeAnswer
    )
    def put(self, request: Request, currency: str) -> Response:
        """Say when and by how much. It waits for a card: pay once with `saves_method`."""
        wanted, caller = self.read(RechargeRequest), self.caller()
        row = recharge.set_rule(
            organization=caller.organization,
            rule=recharge.Rule(currency=currency, **wanted),
            actor=caller.actor,
            now=timezone.now(),
        )
        return Response(RechargeAnswer(row).data)

    @describe("recharges_stop", "Stop automatic payments", answer=RechargeAnswer)
    def delete(self, request: Request, currency: str) -> Response:
        """Stop, and forget the card."""
        caller = self.caller()
        row = access.get_or_refuse(
            StripeRecharge.objects.all(), organization=caller.organization, currency=currency
        )
        recharge.stop(recharge=row, actor=caller.actor, now=timezone.now())
        row.refresh_from_db()
        return Response(RechargeAnswer(row).data)


@csrf_exempt
@require_POST
def receive_event(request: HttpRequest) -> HttpResponse:
    """Take what Stripe tells: signed or refused, stored, answered; what follows is a task's."""
    try:
        if not any(settings.STRIPE_WEBHOOK_SECRETS):
            raise StripeUnavailable
        length = request.headers.get("Content-Length") or "0"
        if not length.isascii() or not length.isdigit() or int(length) > inbox.BODY_BYTES_MAX:
            raise inbox.TooLarge
        signature = request.headers.get("Stripe-Signature", "")
        inbox.receive(body=_read(request), signature=signature, now=timezone.now())
    except DomainError as refusal:
        return _refuse(refusal.status, refusal.code, refusal.message)
    return JsonResponse({"received": True})


def _read(request: HttpRequest) -> bytes:
    """A body whose length may not have been told."""
    try:
        return request.body
    except RequestDataTooBig as error:
        raise inbox.TooLarge from error


def _refuse(status: int, code: str, detail: str) -> HttpResponse:
    problem = make_problem(status=status, code=code, detail=detail)
    return JsonResponse(problem, status=status, content_type=CONTENT_TYPE)
