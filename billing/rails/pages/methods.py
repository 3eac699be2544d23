"""Where a provider wants to be paid: the list in its order, and the form for another one."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing.connect import accounts
from billing.connect.pages.words import describe
from billing.rails import methods, registry
from billing.rails.pages.forms import MethodForm, PlaceForm
from billing.rails.pages.words import RAILS, STATES, name_refusal
from billing.rails.protocol import DetailRefused, Rail
from billing.rails.terms import TERMS
from billing.settlement import readiness
from billing.settlement.pages.setbacks import list_setbacks
from core.errors import DomainError, NotFound

DEEDS = ("remove", "up", "down")


class MethodsPage(OrganizationPage):
    """Methods in the order in which they are tried."""

    template_name = "billing/rails/methods.html"
    needs = Permission.VIEW_MONEY
    tab = "earnings"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Those that were not removed, with what people call them."""
        now = timezone.now()
        stands = readiness.find_readiness(organization_id=self.organization.pk, now=now)
        context = {
            "rows": [
                (
                    way.method,
                    RAILS.get(way.method.rail, way.method.rail),
                    STATES[way.method.state],
                    name_refusal(way.refusal) if way.refusal else "",
                    way.method.payable_from > now,
                )
                for way in stands.ways
            ],
            "setbacks": list_setbacks(self.organization, stands),
            "told": describe(accounts.find(organization_id=self.organization.pk)),
            "may_change": Permission.MANAGE_MONEY in self.granted,
        }
        return super().get_context_data(**{**kwargs, **context})


class MethodNewPage(OrganizationPage):
    """Another method: first currency and country, then one of the rails that pay there."""

    template_name = "billing/rails/method_new.html"
    needs = Permission.MANAGE_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "earnings"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form of the step that the address names."""
        given = {"country": self.organization.country, **self.request.GET.dict()}
        place = PlaceForm(given if "currency" in given else None, initial=given)
        context: dict[str, Any] = {"place": place}
        if "currency" in given and place.is_valid():
            currency, country = place.cleaned_data["currency"], place.cleaned_data["country"]
            context |= {"currency": currency, "country": country, "rails": _list_rails(currency, country)}
            chosen = given.get("rail", "")
            if chosen in registry.RAILS and "form" not in kwargs:
                rail = registry.find_rail(chosen)
                if TERMS.find_refusal(rail=chosen, currency=currency, country=country) is None:
                    context["form"] = MethodForm(rail=rail, currency=currency, country=country)
        return super().get_context_data(**{**context, **kwargs})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Add it, or show what is wrong beside the field."""
        place = PlaceForm(request.POST)
        rail = _find_rail(request.POST.get("rail", ""))
        if not place.is_valid() or TERMS.find_refusal(rail=rail.name, **place.cleaned_data) is not None:
            return self.render_to_response(self.get_context_data(place=place), status=422)
        form = MethodForm(request.POST, rail=rail, **place.cleaned_data)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form, **place.cleaned_data), status=422)
        try:
            methods.add_method(
                organization=self.organization,
                rail=rail.name,
                details=form.details,
                actor=self.actor,
                now=timezone.now(),
                **place.cleaned_data,
            )
        except DetailRefused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("Added. We check it; it is paid after three days at the earliest."))
            return redirect("payout-methods-page", self.organization.uid)
        return self.render_to_response(self.get_context_data(form=form, **place.cleaned_data), status=422)


class MethodDeed(OrganizationPage):
    """One place up or down in the order, or removed."""

    needs = Permission.MANAGE_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do it; what is first already stays first."""
        method: UUID = kwargs["method"]
        found = methods.find_method(organization=self.organization, uid=method)
        now = timezone.now()
        match kwargs["deed"]:
            case "remove":
                methods.retire_method(method=found, actor=self.actor, now=now)
                messages.success(request, _("Removed. Nothing more is paid there."))
            case "up" | "down" as deed:
                listed = [one.uid for one in methods.list_methods(organization_id=self.organization.pk)]
                methods.order_methods(
                    organization=self.organization,
                    uids=_move(listed, method, -1 if deed == "up" else 1),
                    actor=self.actor,
                    now=now,
                )
            case _:
                raise Http404
        return redirect("payout-methods-page", self.organization.uid)


def _move(listed: list[UUID], one: UUID, step: int) -> list[UUID]:
    if one not in listed:
        raise NotFound
    place = listed.index(one)
    other = min(max(place + step, 0), len(listed) - 1)
    listed[place], listed[other] = listed[other], listed[place]
    return listed


def _find_rail(name: str) -> Rail:
    if name not in RAILS:
        raise Http404
    return registry.find_rail(name)


def _list_rails(currency: str, country: str) -> list[tuple[str, Any, str]]:
    """Name, word and refusal of every rail that people set up here; Stripe has a page of its own."""
    found = []
    for rail in registry.list_rails():
        if rail.is_file:
            refusal = TERMS.find_refusal(rail=rail.name, currency=currency, country=country)
            found.append((rail.name, RAILS.get(rail.name, rail.name), refusal.message if refusal else ""))
    return found
