"""Paying in: the form, the way to Stripe's page and back, what was paid, and automatic payments."""

import logging
from contextlib import suppress
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import access
from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing import currencies, wallets
from billing.explaining import WORDS, explain
from billing.models import StripeRecharge, StripeTopUp, TopUpMethod
from billing.stripe import client, payments, recharge, refunds, top_ups
from billing.stripe.client import StripeUnavailable
from billing.stripe.pages.forms import RechargeForm, RefundForm, TopUpForm
from core.errors import DomainError
from core.money import Money
from core.quantities import EXACT

SHOWN = 50
STATES = {
    "CREATED": gettext_lazy("Being opened"),
    "OPEN": gettext_lazy("Waiting for the payment"),
    "PAID": gettext_lazy("Paid"),
    "FAILED": gettext_lazy("Failed"),
    "EXPIRED": gettext_lazy("Expired"),
}
REFUND_STATES = {
    "REQUESTED": gettext_lazy("Being sent"),
    "SENT": gettext_lazy("On its way"),
    "SUCCEEDED": gettext_lazy("Sent back"),
    "FAILED": gettext_lazy("Failed; it is in the wallet again"),
}
FAILURES = {
    "generic_decline": gettext_lazy("The card was declined."),
    "card_declined": gettext_lazy("The card was declined."),
    "do_not_honor": gettext_lazy("The card was declined."),
    "insufficient_funds": gettext_lazy("There is not enough money on the card."),
    "expired_card": gettext_lazy("The card has expired."),
    "incorrect_cvc": gettext_lazy("The card’s security code was wrong."),
    "incorrect_number": gettext_lazy("The card’s number was wrong."),
    "lost_card": gettext_lazy("The card was declined."),
    "stolen_card": gettext_lazy("The card was declined."),
    "fraudulent": gettext_lazy("The card was declined."),
    "authentication_required": gettext_lazy("The bank asks for the card’s owner."),
    "payment_intent_authentication_failure": gettext_lazy("The bank was not told that it is you."),
    "payment_intent_payment_attempt_failed": gettext_lazy("The payment was refused there."),
}
REASONS = {
    "CARD": gettext_lazy("It waits for a card: pay once and keep the card."),
    "AUTHENTICATION": gettext_lazy("The bank asks for the card's owner: pay once and keep the card."),
    "DECLINED": gettext_lazy("The card was declined: pay once with another and keep it."),
    "CAP": gettext_lazy("The cap is reached."),
    "DISPUTE": gettext_lazy("A payment is contested, or was lately: pay on this page."),
}

logger = logging.getLogger(__name__)


class MoneyPage(OrganizationPage):
    """The form, automatic payments, and everything that was paid, newest first."""

    template_name = "billing/stripe/money.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page; who comes back from Stripe's is led to the payment."""
        begun = request.GET.get("paid") or request.GET.get("left")
        if begun:
            row = access.find_owned(StripeTopUp.objects.all(), organization=self.organization, uid=begun)
            return redirect("top-up-page", self.organization.uid, row.uid)
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Begin a payment, and show the way to Stripe's page."""
        form = TopUpForm(request.POST, terms=top_ups.list_terms())
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        given, now = form.cleaned_data, timezone.now()
        address = request.build_absolute_uri(reverse("money-page", args=[self.organization.uid]))
        wish = top_ups.Wish(
            Money(given["amount"], given["currency"]),
            TopUpMethod(given["method"]),
            saves_method=given["saves_method"],
            return_url=address,
        )
        try:
            asked = client.make_client()
            made = top_ups.request(organization=self.organization, wish=wish, actor=self.actor, now=now)
        except DomainError as refusal:
            field = refusal.extra.get("field")
            form.add_error(field if field in form.fields else None, explain(refusal))
            return self.render_to_response(self.get_context_data(form=form), status=refusal.status)
        with suppress(StripeUnavailable):
            # What does not answer now is asked again; the next page waits for it.
            top_ups.open_page(top_up=made, asked=asked, now=now)
        return redirect("top-up-page", self.organization.uid, made.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The newest payments."""
        terms = top_ups.list_terms()
        rows = top_ups.list_top_ups(organization=self.organization)[:SHOWN]
        recharges = StripeRecharge.objects.filter(organization=self.organization).order_by("currency")
        by_card = [one.currency for one in terms if TopUpMethod.CARD in one.methods]
        held = wallets.list_wallets(organization_id=self.organization.pk)
        mine = [one.currency for one in held if one.currency in by_card]
        asked = {name: self.request.GET[name] for name in ("amount", "currency") if name in self.request.GET}
        context = {
            "form": kwargs.get("form") or TopUpForm(terms=terms, initial={"currency": "USD", **asked}),
            "terms": [(one, Money(one.least, one.currency), Money(one.most, one.currency)) for one in terms],
            "rows": [
                (row, Money(row.amount, row.currency), STATES[row.state], describe_failure(row))
                for row in rows
            ],
            "recharges": [describe_recharge(row) for row in recharges],
            "currencies": mine,
            "others": [code for code in by_card if code not in mine],
        }
        return super().get_context_data(**{**kwargs, **context})


class TopUpPage(OrganizationPage):
    """One payment: the way to pay it, what became of it, and what of it can go back."""

    template_name = "billing/stripe/top_up.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Send unused money back."""
        row, form, now = self._find(), RefundForm(request.POST), timezone.now()
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        try:
            refund = refunds.request(
                top_up=row,
                amount=form.cleaned_data["amount"],
                reason="unused",
                actor=self.actor,
                now=now,
            )
        except DomainError as refusal:
            form.add_error("amount", explain(refusal))
            return self.render_to_response(self.get_context_data(form=form), status=refusal.status)
        with suppress(StripeUnavailable):
            refunds.send(refund=refund, asked=client.make_client(), now=now)
        messages.success(request, _("It is on its way back. Banks take 5 to 10 days."))
        return redirect("top-up-page", self.organization.uid, row.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How the payment stands now."""
        row = self._find()
        if row.state == StripeTopUp.State.OPEN and row.session_id is not None:
            row = self._follow(row)
        left = refunds.find_refundable(top_up=row)
        free = self._find_free(row, left)
        may_refund = Permission.MANAGE_MONEY in self.granted and bool(free)
        context = {
            "top_up": row,
            "amount": Money(row.amount, row.currency),
            "kept": Money(row.reserved, row.currency) if row.release_entry_id is None else None,
            "state": STATES[row.state],
            "failure": describe_failure(row),
            "left": left,
            "free": free,
            "refunds": [
                (one, Money(one.amount, row.currency), REFUND_STATES[one.state])
                for one in row.refunds.order_by("-id")
            ],
            "disputes": [
                (one, Money(one.amount, row.currency)) for one in row.disputes.order_by("opened_at")
            ],
            "form": kwargs.get("form")
            or (RefundForm(initial={"amount": free.literal}) if may_refund else None),
        }
        return super().get_context_data(**{**kwargs, **context})

    def _find(self) -> StripeTopUp:
        rows = StripeTopUp.objects.all()
        return access.find_owned(rows, organization=self.organization, uid=self.kwargs["top_up"])

    def _find_free(self, row: StripeTopUp, left: Money) -> Money:
        """How much of what is left can go back now: whole smallest units that the wallet has."""
        if not left:
            return left
        wallet = wallets.find_wallet(organization_id=self.organization.pk, currency=row.currency)
        kept = row.reserved if row.release_entry_id is None else Decimal(0)
        # What is kept back goes with the whole of a payment only.
        if EXACT.add(wallet.available.amount, kept) >= left.amount:
            return left
        most = max(Decimal(0), min(left.amount, wallet.available.amount))
        return Money(currencies.floor_to_minor(amount=most, currency=row.currency), row.currency)

    def _follow(self, row: StripeTopUp) -> StripeTopUp:
        """Who comes back before Stripe has told us sees the payment all the same."""
        try:
            asked = client.make_client()
            found = payments.follow_session(session_id=str(row.session_id), asked=asked, now=timezone.now())
        except (StripeUnavailable, payments.PaymentDiffers) as problem:
            logger.warning("Top-up %s was not followed: %s", row.uid, problem)
            return row
        return found or row


class RechargePage(OrganizationPage):
    """When a wallet is filled by itself."""

    template_name = "billing/stripe/recharge.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Set the rule, or stop."""
        found, now = self._find(), timezone.now()
        if "stop" in request.POST and found is not None:
            recharge.stop(recharge=found, actor=self.actor, now=now)
            messages.success(request, _("No more automatic payments. The card is forgotten."))
            return redirect("money-page", self.organization.uid)
        form = RechargeForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        rule = recharge.Rule(currency=self.kwargs["currency"], **form.cleaned_data)
        try:
            made = recharge.set_rule(organization=self.organization, rule=rule, actor=self.actor, now=now)
        except DomainError as refusal:
            field = refusal.extra.get("field")
            form.add_error(field if field in form.fields else None, explain(refusal))
            return self.render_to_response(self.get_context_data(form=form), status=refusal.status)
        if found is None or found.state == StripeRecharge.State.OFF:
            with suppress(StripeUnavailable):
                # Who kept a card before setting the rule is not asked for it again. Where Stripe does not
                # answer now, the page goes on asking for a card.
                payments.recall_method(
                    recharge=made,
                    after=found.changed_at if found else None,
                    asked=client.make_client(),
                    now=now,
                )
        messages.success(request, _("Saved."))
        return redirect("money-page", self.organization.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The rule as it stands."""
        currency = self.kwargs["currency"]
        terms = top_ups.find_terms(currency=currency)
        if terms is None or TopUpMethod.CARD not in terms.methods:
            raise Http404
        found = self._find()
        names = ("threshold", "amount", "day_most", "month_most")
        initial = {name: Money(getattr(found, name), currency).literal for name in names} if found else {}
        context = {
            "currency": currency,
            "recharge": describe_recharge(found) if found else None,
            "form": kwargs.get("form") or RechargeForm(initial=initial),
        }
        return super().get_context_data(**{**kwargs, **context})

    def _find(self) -> StripeRecharge | None:
        return StripeRecharge.objects.filter(
            organization=self.organization, currency=self.kwargs["currency"]
        ).first()


def describe_failure(row: StripeTopUp) -> str:
    """Why the last try to pay came to nothing; empty where none did."""
    return str(FAILURES.get(row.failure, row.failure.replace("_", " ")))


def describe_recharge(row: StripeRecharge) -> dict[str, Any]:
    """A rule in words and amounts."""
    return {
        "row": row,
        "threshold": Money(row.threshold, row.currency),
        "amount": Money(row.amount, row.currency),
        "day_most": Money(row.day_most, row.currency),
        "month_most": Money(row.month_most, row.currency),
        "reason": REASONS.get(row.reason) or WORDS.get(row.reason, row.reason.replace("_", " ")),
    }
