"""Pages of an organization's money and keys: overview, keys."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import access, keys
from accounts.access import Permission
from accounts.models import ApiKey, KeyMode
from accounts.pages.base import OrganizationPage
from billing import limits, spending_keys, wallets
from billing.pages.forms import KeyForm
from core.errors import DomainError

KEYS_SHOWN_MAX = 200


class Dashboard(OrganizationPage):
    """What there is: money, keys, and how to begin."""

    template_name = "billing/dashboard.html"
    tab = "dashboard"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Balances for those who may see money, and how many keys work."""
        rows = ApiKey.objects.filter(organization=self.organization, revoked_at=None)
        context: dict[str, Any] = {
            "keys": rows.count(),
            "address": self.request.build_absolute_uri("/v1"),
            "may_make_keys": Permission.MANAGE_KEYS in self.granted,
        }
        if Permission.VIEW_MONEY in self.granted:
            context["wallets"] = wallets.list_wallets(organization_id=self.organization.pk)
        return super().get_context_data(**{**kwargs, **context})


class KeysPage(OrganizationPage):
    """Keys, and a form for another one. A new key's text is in this one answer and nowhere else."""

    template_name = "billing/keys.html"
    needs_to_post = Permission.MANAGE_KEYS
    tab = "keys"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Issue a key and show its text, this once."""
        form = self._make_form(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        try:
            issued = spending_keys.issue_key(
                organization=self.organization,
                name=form.cleaned_data["name"],
                mode=KeyMode(form.cleaned_data["mode"]),
                actor=self.actor,
                now=timezone.now(),
                expires_at=form.cleaned_data["expires_at"],
                ceiling=form.ceiling,
            )
        except DomainError as refusal:
            form.add_error(None, _explain(refusal))
            return self.render_to_response(self.get_context_data(form=form), status=refusal.status)
        return self.render_to_response(self.get_context_data(issued=issued))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The newest keys with their limits."""
        rows = list(ApiKey.objects.filter(organization=self.organization).order_by("-pk")[:KEYS_SHOWN_MAX])
        now = timezone.now()
        found = limits.list_key_limits(key_ids=[row.pk for row in rows], now=now)
        context = {
            "rows": [(row, found.get(row.pk, []), _find_state(row, now)) for row in rows],
            "address": self.request.build_absolute_uri("/v1"),
            "may_make_keys": Permission.MANAGE_KEYS in self.granted,
        }
        if context["may_make_keys"] and "form" not in kwargs:
            context["form"] = self._make_form()
        return super().get_context_data(**{**kwargs, **context})

    def _make_form(self, data: Any = None) -> KeyForm:
        may_limit = Permission.MANAGE_MONEY in self.granted
        mine = wallets.list_wallets(organization_id=self.organization.pk) if may_limit else []
        return KeyForm(data, currencies=[wallet.currency for wallet in mine], may_limit=may_limit)


class KeyRevocation(OrganizationPage):
    """The end of a key."""

    needs = Permission.MANAGE_KEYS
    needs_to_post = Permission.MANAGE_KEYS
    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """End it at once, everywhere."""
        rows = ApiKey.objects.select_related("organization")
        key = access.find_owned(rows, organization=self.organization, uid=kwargs["key"])
        try:
            keys.revoke_key(key=key, actor=self.actor, now=timezone.now())
        except keys.KeyRevoked:
            messages.warning(request, _("This key was revoked before."))
        else:
            messages.success(request, _("The key “%(name)s” no longer works.") % {"name": key.name})
        return redirect("keys-page", self.organization.uid)


def _find_state(key: ApiKey, now: Any) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "ended" if key.expires_at is not None and key.expires_at <= now else "works"


def _explain(refusal: DomainError) -> str:
    known = {"expiry_in_the_past": _("A key must end in the future.")}
    return known.get(refusal.code, refusal.message)
