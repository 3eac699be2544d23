"""Pages of an organization: overview, keys, and what to ask for first."""

from datetime import datetime
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
from billing.explaining import explain
from billing.wallets import Wallet
from core.errors import DomainError
from core.money import TEST_CURRENCY
from marketplace import suggestions
from marketplace.pages.forms import KeyForm

KEYS_SHOWN_MAX = 200


class Dashboard(OrganizationPage):
    """What there is: money, keys, and how to begin."""

    template_name = "marketplace/dashboard.html"
    tab = "dashboard"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Balances for those who may see money, which keys work, and a first request with one of them."""
        now = timezone.now()
        working = ApiKey.objects.filter(organization=self.organization, revoked_at=None)
        modes = set(working.exclude(expires_at__lte=now).values_list("mode", flat=True))
        mine = wallets.list_wallets(organization_id=self.organization.pk)
        has_money = any(wallet.currency != TEST_CURRENCY for wallet in mine)
        trial = suggestions.suggest_model(mode=KeyMode.TEST, currencies=frozenset(), now=now)
        # Whoever has neither a live key nor money begins with test money, where there is a test mode.
        is_live = KeyMode.LIVE in modes or (not modes and (has_money or trial is None))
        mode = KeyMode.LIVE if is_live else KeyMode.TEST
        context: dict[str, Any] = {
            "keys": working.exclude(expires_at__lte=now).count(),
            "address": self.request.build_absolute_uri("/v1"),
            "may_make_keys": Permission.MANAGE_KEYS in self.granted,
            "may_try": trial is not None and KeyMode.TEST not in modes,
            "mode": mode,
            "model": _suggest(mode, mine, now),
        }
        if Permission.VIEW_MONEY in self.granted:
            context |= {"wallets": mine, "has_money": has_money}
        return super().get_context_data(**{**kwargs, **context})


class KeysPage(OrganizationPage):
    """Keys, and a form for another one. A new key's text is in this one answer and nowhere else."""

    template_name = "marketplace/keys.html"
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
        mine, mode = wallets.list_wallets(organization_id=self.organization.pk), KeyMode(issued.key.mode)
        model = _suggest(mode, mine, timezone.now())
        return self.render_to_response(self.get_context_data(issued=issued, model=model))

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
        asked = self.request.GET.get("mode", KeyMode.LIVE)
        return KeyForm(
            data,
            currencies=[wallet.currency for wallet in mine],
            may_limit=may_limit,
            initial={"mode": asked if asked in KeyMode.values else KeyMode.LIVE},
        )


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


def _suggest(mode: KeyMode, mine: list[Wallet], now: datetime) -> str | None:
    currencies = frozenset(wallet.currency for wallet in mine)
    return suggestions.suggest_model(mode=mode, currencies=currencies, now=now)


def _find_state(key: ApiKey, now: Any) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "ended" if key.expires_at is not None and key.expires_at <= now else "works"


def _explain(refusal: DomainError) -> str:
    known = {"expiry_in_the_past": _("A key must end in the future.")}
    return known.get(refusal.code) or explain(refusal)
