"""A provider's account at Stripe: opened here, filled in there, and how it stands."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from accounts.pages.forms import list_countries
from billing.connect import accounts
from billing.connect.pages.words import FILLED_IN, describe, explain
from billing.connect.rail import NAME
from billing.models import ConnectAccount
from billing.rails import methods
from billing.stripe.client import StripeUnavailable, make_client
from core.errors import DomainError


class CountryForm(forms.Form):
    """Where the provider is at home, which Stripe never changes."""

    country = forms.ChoiceField(label=_("Country of your organization"), choices=list_countries)


class ConnectPage(OrganizationPage):
    """How the account stands; Stripe's page leads back here, however its visitor left it."""

    template_name = "billing/connect/account.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "earnings"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Whoever comes back from Stripe sees what it says now; without an answer, what it said last."""
        refusal = None
        try:
            self.follow()
        except StripeUnavailable as problem:
            refusal = explain(problem)
        return self.render_to_response(self.get_context_data(refusal=refusal))

    def follow(self) -> ConnectAccount | None:
        """
        The account, as Stripe says that it stands; none if none was opened.

        :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
        """
        row = accounts.find(organization_id=self.organization.pk)
        if row is None or row.account_id is None:
            return None
        return accounts.follow(account_id=row.account_id, asked=make_client(), now=timezone.now())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The account, and what Stripe asks for."""
        listed = methods.list_methods(organization_id=self.organization.pk)
        context = {
            "told": describe(accounts.find(organization_id=self.organization.pk)),
            "is_listed": any(method.rail == NAME for method in listed),
            "form": kwargs.get("form") or CountryForm(initial={"country": self.organization.country}),
            "may_change": Permission.MANAGE_MONEY in self.granted,
        }
        return super().get_context_data(**{**kwargs, **context})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Open the account, if there is none; or list one that Stripe pays among the methods."""
        if "list" in request.POST:
            return self._list()
        form = CountryForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        try:
            accounts.open_account(
                organization=self.organization,
                country=form.cleaned_data["country"],
                asked=make_client(),
                now=timezone.now(),
            )
        except DomainError as refusal:
            context = self.get_context_data(form=form, refusal=explain(refusal))
            return self.render_to_response(context, status=refusal.status)
        # A form may lead nowhere else (Content-Security-Policy): the page has a link to Stripe's.
        return redirect("connect-page", self.organization.uid)

    def _list(self) -> HttpResponse:
        now = timezone.now()
        try:
            accounts.list_method(
                organization=self.organization, asked=make_client(), actor=self.actor, now=now
            )
        except DomainError as refusal:
            context = self.get_context_data(refusal=explain(refusal))
            return self.render_to_response(context, status=refusal.status)
        return redirect("payout-methods-page", self.organization.uid)


class OnboardingPage(ConnectPage):
    """
    The way to Stripe's page, by a link made for this visit.

    Such a link serves once and lasts minutes. Where one is used up Stripe leads back here, and to a new one;
    so nobody is sent there whom Stripe would only send back.
    """

    needs = Permission.MANAGE_MONEY
    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead there, or say why not."""
        here = self.organization.uid
        try:
            row = self.follow()
            if row is None or row.state not in FILLED_IN:
                return redirect("connect-page", here)
            link = accounts.make_link(
                organization=self.organization,
                page=request.build_absolute_uri(reverse("connect-page", args=[here])),
                again=request.build_absolute_uri(reverse("connect-onboarding", args=[here])),
                asked=make_client(),
            )
        except DomainError as refusal:
            context = self.get_context_data(refusal=explain(refusal))
            return self.render_to_response(context, status=refusal.status)
        return redirect(link)
