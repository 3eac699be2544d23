"""A charge of the statement, opened into what it is made of."""

from typing import Any

from django.http import Http404

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from core.errors import NotFound
from workers import build_ups, claims
from workers.pages.claims import describe


class ChargePage(OrganizationPage):
    """One job's charge: what was used, line by line, with figures and sources; its buyer's own only."""

    template_name = "workers/charge.html"
    needs = Permission.VIEW_MONEY
    tab = "wallet"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """
        The charge.

        :raises Http404: for a foreign job, and for one that nothing was charged for
        """
        try:
            explained = build_ups.explain_charge(organization=self.organization, job=self.kwargs["job"])
        except NotFound as refusal:
            raise Http404 from refusal
        claim = claims.list_opened(organization=self.organization).filter(job=explained.job).first()
        return super().get_context_data(charge=explained, claim=claim and describe(claim), **kwargs)
