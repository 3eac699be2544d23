"""A provider's account at Stripe: opened here, filled in there, and how it stands."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from accounts.pages.forms import list_countries
from billing.connect import accounts
from billing.models import ConnectAccount
from billing.stripe.client import StripeUnavailable, make_client
from core.errors import DomainError

State = ConnectAccount.State
STATES = {
    State.ASKED: _("Stripe has not answered yet. Try again."),
    State.ONBOARDING: _("Stripe wants to know who you are and where your bank is."),
    State.LACKING: _("Stripe asks for more before it pays you."),
    State.CHECKING: _("Stripe is checking what you told it. There is nothing to do."),
    State.READY: _("Ready. Payouts can go there once we have checked it, too."),
    State.REJECTED: _("Stripe does not pay this account. Choose another way to be paid."),
}
FILLED_IN = (State.ONBOARDING, State.LACKING, State.READY)


class CountryForm(forms.Form):
    """Where the provider is at home, which Stripe never changes."""

    country = forms.ChoiceField(label=_("Country of your organization"), choices=list_countries)


class ConnectPage(OrganizationPage):
    """How the account stands; the button leads to Stripe's page, which leads back here."""

    template_name = "billing/connect/account.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "earnings"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Whoever comes back from Stripe sees what it says now; without an answer, what it said last."""
        refusal = None
        row = accounts.find(organization_id=self.organization.pk)
        if row is not None and row.account_id is not None:
            try:
                accounts.follow(account_id=row.account_id, asked=make_client(), now=timezone.now())
            except StripeUnavailable as problem:
                refusal = problem.message
        return self.render_to_response(self.get_context_data(refusal=refusal))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The account, and what Stripe asks for, in its own words."""
        row = accounts.find(organization_id=self.organization.pk)
        made = row is not None and row.account_id is not None
        context = {
            "account": row if made else None,
            "says": STATES[State(row.state)] if row else None,
            "to_fill_in": row is not None and row.state in FILLED_IN,
            "form": kwargs.get("form") or CountryForm(initial={"country": self.organization.country}),
            "may_change": Permission.MANAGE_MONEY in self.granted,
        }
        return super().get_context_data(**{**kwargs, **context})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Open the account, if there is none, and lead to the page where it is filled in."""
        row = accounts.find(organization_id=self.organization.pk)
        country = row.country if row is not None and row.account_id is not None else ""
        form = CountryForm(request.POST)
        if not country:
            if not form.is_valid():
                return self.render_to_response(self.get_context_data(form=form), status=422)
            country = form.cleaned_data["country"]
        page = request.build_absolute_uri(reverse("connect-page", args=[self.organization.uid]))
        try:
            asked, now = make_client(), timezone.now()
            accounts.open_account(organization=self.organization, country=country, asked=asked, now=now)
            link = accounts.make_link(organization=self.organization, page=page, asked=asked)
        except DomainError as refusal:
            context = self.get_context_data(form=form if form.is_bound else None, refusal=refusal.message)
            return self.render_to_response(context, status=refusal.status)
        # A form may lead nowhere else (Content-Security-Policy): the reader follows a link.
        return self.render_to_response(self.get_context_data(link=link))
