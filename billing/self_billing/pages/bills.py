"""What a provider agrees to, and the invoices that were issued in its name."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext

from accounts.access import Permission
from accounts.models import User
from accounts.pages.base import OrganizationPage
from billing.models import BillingProfile, Invoice
from billing.self_billing import agreements, texts
from billing.self_billing.agreements import NoAgreement, ProfileMissing, VersionUnknown
from billing.statements.files import choose_language
from core.money import Money

SHOWN = 100


class SelfBillingPage(OrganizationPage):
    """The agreement, whether and by whom it was made, and the bills, newest first."""

    template_name = "billing/self_billing/bills.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "earnings"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What stands, and the newest bills."""
        standing = agreements.find_agreement(organization=self.organization)
        person = User.objects.filter(uid=standing.agreed_by).first() if standing else None
        mine = Invoice.objects.filter(organization=self.organization, series=self.organization.pk)
        rows = mine.select_related("corrects", "payout__item").order_by("-id")[:SHOWN]
        version = standing.version if standing else texts.CURRENT
        context = {
            "standing": standing,
            "person": person.email if person else "",
            "version": texts.CURRENT,
            "is_newest": bool(standing and standing.version == texts.CURRENT),
            "text": texts.find_text(version=version, language=choose_language(get_language() or "")),
            "newest": texts.find_text(version=texts.CURRENT, language=choose_language(get_language() or "")),
            "has_profile": BillingProfile.objects.filter(organization=self.organization).exists(),
            "rows": [(one, Money(one.total, one.currency)) for one in rows],
        }
        return super().get_context_data(**{**kwargs, **context})

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Agree to the words that were shown, or end it."""
        asked: dict[str, Any] = {
            "organization": self.organization,
            "actor": self.actor,
            "now": timezone.now(),
        }
        try:
            if request.POST.get("deed") == "end":
                agreements.end(**asked)
            else:
                agreements.agree(version=request.POST.get("version", ""), **asked)
            messages.success(request, gettext("Saved."))
        except NoAgreement:
            # Somebody else ended it.
            messages.success(request, gettext("Saved."))
        except ProfileMissing:
            messages.error(request, gettext("Say first what stands on your invoices."))
        except VersionUnknown:
            messages.error(request, gettext("The agreement has other words by now. Read it again."))
        return redirect("self-billing-page", self.organization.uid)
