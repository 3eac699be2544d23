"""Where to send USDC, and what arrived."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing.explaining import explain
from billing.models import ChainCursor
from billing.rails.chain import deposits
from billing.rails.pages.words import DEPOSITS
from core.errors import DomainError
from core.money import Money
from core.templatetags.looks import DEVELOPERS_CHAIN

SHOWN = 50


class DepositsPage(OrganizationPage):
    """The organization's address, and deposits with their confirmations, the newest first."""

    template_name = "billing/rails/deposits.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Confirmations are counted from the block that was read last."""
        cursor = ChainCursor.objects.filter(chain_id=settings.CHAIN_ID).first()
        head = cursor.read_to if cursor else 0
        rows = deposits.list_deposits(organization=self.organization).order_by("-id")[:SHOWN]
        context = {
            "address": deposits.find_address(organization=self.organization),
            "chain": settings.CHAIN_ID,
            "token": settings.CHAIN_TOKEN,
            "wanted": settings.CHAIN_CONFIRMATIONS,
            "is_on": bool(settings.CHAIN_URL),
            "stand_in": settings.CHAIN_URL if settings.CHAIN_ID == DEVELOPERS_CHAIN else "",
            "may_change": Permission.MANAGE_MONEY in self.granted,
            "rows": [
                (
                    one,
                    Money(one.amount, "USDC"),
                    DEPOSITS[one.state],
                    deposits.count_confirmations(deposit=one, head=head),
                )
                for one in rows
            ],
        }
        return super().get_context_data(**{**kwargs, **context})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Get an address."""
        try:
            deposits.assign_address(organization=self.organization, actor=self.actor, now=timezone.now())
        except DomainError as refusal:
            context = self.get_context_data(refusal=explain(refusal))
            return self.render_to_response(context, status=refusal.status)
        return redirect("deposits-page", self.organization.uid)
