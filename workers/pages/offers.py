"""Offers of a provider: drafted, looked at over the hours ahead, put on sale, changed, withdrawn."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import Permission
from core.errors import DomainError
from marketplace import catalogue, offer_terms, offers, previews, price_cards, reference, what_ifs
from marketplace.contracts import Contract
from marketplace.energy.refusals import BadInput, PriceNegative
from marketplace.models import Model, Offer, PriceCard
from marketplace.previews import Preview
from workers import endpoints, nodes
from workers.models import Endpoint, Node
from workers.pages import lever_forms, problems, showing
from workers.pages.offer_forms import OfferForm, ServingForm
from workers.pages.sites import ProviderPage

CARDS_SHOWN_MAX = 8


def list_setups(slug: str | None = None) -> list[what_ifs.Setup]:
    """Measured set-ups, those of a model first."""
    setups = what_ifs.list_setups(reference.read_joules())
    likely = what_ifs.list_likely(setups, slug) if slug else []
    return [*likely, *(one for one in setups if one not in likely)]


class BindingForm(forms.Form):
    """Which node serves an offer, and what its server calls the model."""

    node = forms.ChoiceField()
    upstream_model = forms.CharField(max_length=endpoints.MODEL_NAME_LENGTH_MAX)

    def __init__(self, *args: Any, choices: list[Node], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["node"] = forms.ChoiceField(
            label=_("Node"), choices=[(str(node.uid), node.name) for node in choices]
        )
        self.fields["upstream_model"].label = _("What its server calls the model")


class OfferNewPage(ProviderPage):
    """A form for an offer at a site; a trial shows what it would cost before anything is kept."""

    template_name = "workers/offer_form.html"
    needs = Permission.MANAGE_SITES

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try it, or draft it."""
        site, now = self.site, timezone.now()
        form = self._make_form(request.POST)
        if not form.is_valid():
            return self.refuse(form)
        given, model = form.cleaned_data, catalogue.find_model(slug=form.cleaned_data["model"])
        if self.is_trial:
            imagined = previews.imagine_offer(
                site=site, model=model, unit=given["unit"], serving=form.serving, now=now
            )
            return self.render_to_response(self.get_context_data(form=form, **_show(imagined, now)))
        try:
            made = offers.create_offer(
                organization=self.organization,
                site=site,
                model=model,
                serving=form.serving,
                slots=given["slots"],
                max_output_default=given["max_output_default"],
                max_output_cap=given["max_output_cap"],
                unit=Offer.Unit(given["unit"]),
                actor=self.actor,
                now=now,
            )
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return self.refuse(form)
        messages.success(request, _("The offer is drafted. Nobody can buy it before you put it on sale."))
        return redirect("offer-page", self.organization.uid, made.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form."""
        form = kwargs.get("form") or self._make_form()
        return super().get_context_data(**{**kwargs, "site": self.site, "form": form})

    def _make_form(self, data: Any = None) -> OfferForm:
        return OfferForm(data, models=Model.objects.order_by("name"), setups=list_setups())


class OfferPlace(ProviderPage):
    """Something of one offer."""

    @property
    def offer(self) -> Offer:
        """The offer that the address names."""
        return offers.find_offer(organization=self.organization, uid=self.kwargs["offer"])


class ServingPage(OfferPlace):
    """The machine behind an offer, described anew."""

    template_name = "workers/serving.html"
    needs = Permission.MANAGE_SITES

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try it, or keep it."""
        offer, now = self.offer, timezone.now()
        form = self._make_form(offer, request.POST)
        if not form.is_valid():
            return self.refuse(form)
        if self.is_trial:
            imagined = previews.imagine_serving(offer=offer, serving=form.serving, now=now)
            return self.render_to_response(self.get_context_data(form=form, **_show(imagined, now)))
        try:
            offers.change_serving(offer=offer, serving=form.serving, actor=self.actor, now=now)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return self.refuse(form)
        messages.success(
            request, _("The machine is kept. Published prices stay until the next are published.")
        )
        return redirect("offer-page", self.organization.uid, offer.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form with what is said now."""
        offer = self.offer
        form = kwargs.get("form") or self._make_form(offer)
        return super().get_context_data(**{**kwargs, "offer": offer, "site": offer.site, "form": form})

    def _make_form(self, offer: Offer, data: Any = None) -> ServingForm:
        return ServingForm(data, profile=offer.profile, setups=list_setups(offer.model.slug))


class OfferPage(OfferPlace):
    """An offer over the hours ahead: its price line by line, what it earns, what would change it."""

    template_name = "workers/offer.html"
    needs_to_post = None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Everything; a lever that is asked by the address is tried, and nothing is stored."""
        offer, now = self.offer, timezone.now()
        preview = _preview(offer, now)
        mine = Endpoint.objects.filter(offer=offer).select_related("node").first()
        free = Node.objects.filter(site=offer.site).exclude(state=Node.State.RETIRED).order_by("name")
        cards = PriceCard.objects.filter(offer=offer).order_by("-number")
        bound = {"node": str(mine.node.uid), "upstream_model": mine.upstream_model} if mine else {}
        context = {
            "offer": offer,
            "site": offer.site,
            "endpoint": mine,
            "terms": offer_terms.read_terms(offer=offer),
            "card": price_cards.find_card_in_force(offer=offer, now=now),
            "cards": cards[:CARDS_SHOWN_MAX],
            "problems": problems.list_of_offers(offers=[offer], now=now).get(offer.pk, []),
            "binding": BindingForm(choices=list(free), initial=bound),
            "nodes": free,
            "may_change": Permission.MANAGE_SITES in self.granted,
            **showing.show_offer(preview),
            **self._try_levers(offer, preview),
        }
        return super().get_context_data(**{**kwargs, **context})

    def _try_levers(self, offer: Offer, preview: Preview) -> dict[str, Any]:
        if preview.prospect is None:
            return {}
        inputs, scale = preview.prospect.inputs, showing.list_scales(offer)[0]
        setups = list_setups(offer.model.slug)
        made = lever_forms.make_forms(inputs=inputs, setups=setups, asked=self.request.GET)
        for form in made:
            found = form.suggest(inputs=inputs, unit=preview.unit, likely=_list_likely(offer, setups))
            if found is not None:
                form.suggestion = {"what": found[0], **showing.describe_change(found[1], scale)}
        tried = None
        for form in made:
            if not form.is_bound or not form.is_valid():
                continue
            try:
                change = form.try_out(inputs=inputs, unit=preview.unit)
            except BadInput as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, refusal.reason)
            except PriceNegative as refusal:
                form.add_error(None, str(refusal))
            else:
                tried = {"form": form, **showing.describe_change(change, scale)}
        return {"levers": made, "tried": tried}


class OfferDeed(OfferPlace):
    """What is done to an offer; a refusal is told on its page."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do it, and lead back."""
        offer = self.offer
        deed = DEEDS.get(kwargs["deed"])
        if deed is None:
            raise Http404
        try:
            messages.success(request, deed(self, offer))
        except DomainError as refusal:
            messages.warning(request, refusal.message)
        return redirect("offer-page", self.organization.uid, offer.uid)

    def sell(self, offer: Offer) -> str:
        """Publish its price as of now and let buyers find it."""
        if offer.state == Offer.State.WITHDRAWN:
            raise offers.OfferWithdrawn
        now = timezone.now()
        if offer_terms.read_terms(offer=offer).contract is not Contract.SURPLUS:
            price_cards.publish_card(offer=offer, actor=self.actor, now=now)
        # One that is sold only while there is surplus gets its prices when there is some.
        offers.put_live(offer=offer, actor=self.actor, now=now)
        return _("The offer is on sale.")

    def reprice(self, offer: Offer) -> str:
        """Publish its price as of now."""
        price_cards.publish_card(offer=offer, actor=self.actor, now=timezone.now())
        return _("The price is published.")

    def pause(self, offer: Offer) -> str:
        """Let no new requests come."""
        offers.pause(offer=offer, actor=self.actor, now=timezone.now())
        return _("The offer is paused. What runs goes on.")

    def withdraw(self, offer: Offer) -> str:
        """End it for good."""
        offers.withdraw(offer=offer, actor=self.actor, now=timezone.now())
        return _("The offer is withdrawn.")

    def bind(self, offer: Offer) -> str:
        """Have a node serve it."""
        node = nodes.find_node(organization=self.organization, uid=self.request.POST.get("node", ""))
        endpoints.bind_endpoint(
            offer=offer,
            node=node,
            upstream_model=self.request.POST.get("upstream_model", "").strip(),
            actor=self.actor,
            now=timezone.now(),
        )
        return _("%(node)s serves this offer.") % {"node": node.name}


DEEDS: dict[str, Callable[[OfferDeed, Offer], str]] = {
    "sell": OfferDeed.sell,
    "reprice": OfferDeed.reprice,
    "pause": OfferDeed.pause,
    "withdraw": OfferDeed.withdraw,
    "bind": OfferDeed.bind,
}


def _list_likely(offer: Offer, setups: list[what_ifs.Setup]) -> list[what_ifs.Setup]:
    return what_ifs.list_likely(setups, offer.model.slug)


def _preview(offer: Offer, now: datetime) -> Preview:
    outlook = previews.look_at_power(site=offer.site, now=now)
    return previews.preview_offer(offer=offer, now=now, outlook=outlook)


def _show(offer: Offer, now: datetime) -> dict[str, Any]:
    return showing.show_offer(_preview(offer, now))
