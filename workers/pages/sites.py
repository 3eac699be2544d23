"""Sites of a provider: the list with their offers, a site's page, its place, its tariff, its energy."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from core.errors import DomainError
from core.quantities import ROUNDING
from marketplace import offers, previews, reference, site_energy, site_tariffs, sites
from marketplace.models import Offer, Site, SiteTariff
from marketplace.reference.examples import TariffExample
from marketplace.reference.usable import FigureUnconfirmed
from marketplace.tariffs.refusals import FigureMissing, TariffInvalid
from workers.pages import problems, showing
from workers.pages.energy_form import EnergyForm
from workers.pages.site_forms import SiteForm, TariffForm, write_document

VERSIONS_SHOWN_MAX = 50


class ProviderPage(OrganizationPage):
    """A page of what an organization provides."""

    needs_to_post: ClassVar[Permission | None] = Permission.MANAGE_SITES
    tab = "sites"

    @property
    def site(self) -> Site:
        """The site that the address names."""
        return sites.find_site(organization=self.organization, uid=self.kwargs["site"])

    def refuse(self, form: Form, **context: Any) -> HttpResponse:
        """Show a form again with what is wrong."""
        return self.render_to_response(self.get_context_data(form=form, **context), status=422)

    @property
    def is_trial(self) -> bool:
        """Whether what was sent is only to be tried."""
        return self.request.POST.get("deed") == "try"


class SiteListPage(ProviderPage):
    """Sites with their offers, and what stands in an offer's way."""

    template_name = "workers/sites.html"
    needs_to_post = None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Sites, oldest first; withdrawn offers are left out."""
        now = timezone.now()
        mine = list(offers.list_offers(organization=self.organization).exclude(state=Offer.State.WITHDRAWN))
        troubles = problems.list_of_offers(offers=mine, now=now)
        rows = [
            (site, [(one, troubles.get(one.pk, [])) for one in mine if one.site_id == site.pk])
            for site in sites.list_sites(organization=self.organization)
        ]
        return super().get_context_data(**{**kwargs, "rows": rows})


class SiteNewPage(ProviderPage):
    """A form for another site."""

    template_name = "workers/site_form.html"
    needs = Permission.MANAGE_SITES

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Register it."""
        form = SiteForm(request.POST)
        if not form.is_valid():
            return self.refuse(form)
        try:
            made = sites.create_site(
                organization=self.organization,
                described=form.described,
                actor=self.actor,
                now=timezone.now(),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return self.refuse(form)
        messages.success(request, _("The site is registered. Say next what its electricity costs."))
        return redirect("site-page", self.organization.uid, made.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, with zones and kinds of cooling that are known."""
        start = {"country": self.organization.country}
        context = {
            "form": kwargs.get("form") or SiteForm(initial=start),
            "zones": reference.read_grid_factors(),
            "coolings": reference.read_default_pues(),
        }
        return super().get_context_data(**{**kwargs, **context})


class SiteChangePage(SiteNewPage):
    """The same form for a site that is there."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Describe it anew."""
        site = self.site
        form = SiteForm(request.POST, site=site)
        if not form.is_valid():
            return self.refuse(form)
        try:
            sites.change_site(site=site, described=form.described, actor=self.actor, now=timezone.now())
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return self.refuse(form)
        messages.success(request, _("The site is kept. Published prices stay until the next are published."))
        return redirect("site-page", self.organization.uid, site.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What is said of it now."""
        site = self.site
        form = kwargs.get("form") or SiteForm(site=site)
        return super().get_context_data(**{**kwargs, "form": form, "site": site})


class SitePage(ProviderPage):
    """What a site's electricity will cost, what is said of it, and its offers."""

    template_name = "workers/site.html"
    needs_to_post = None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The hours ahead, the tariff's versions, the energy, the offers with their problems."""
        now, site = timezone.now(), self.site
        mine = [
            one
            for one in offers.list_offers(organization=self.organization).filter(site=site)
            if one.state != Offer.State.WITHDRAWN
        ]
        troubles = problems.list_of_offers(offers=mine, now=now)
        versions = SiteTariff.objects.filter(site=site).order_by("-number")[:VERSIONS_SHOWN_MAX]
        outlook = previews.look_at_power(site=site, now=now)
        context = {
            "site": site,
            "versions": versions,
            "energy": site_energy.find_energy(site=site),
            "rows": [(one, troubles.get(one.pk, [])) for one in mine],
            "problems": problems.list_of_site(site=site, outlook=outlook, now=now),
            "may_change": Permission.MANAGE_SITES in self.granted,
            **showing.show_power(site=site, outlook=outlook),
        }
        return super().get_context_data(**{**kwargs, **context})


class TariffPage(ProviderPage):
    """A site's tariff: a start among the examples, the document, a trial, and the next version."""

    template_name = "workers/tariff.html"
    needs = Permission.MANAGE_SITES

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try it, or set it."""
        site, now = self.site, timezone.now()
        form = TariffForm(request.POST)
        if not form.is_valid():
            return self.refuse(form)
        try:
            if self.is_trial:
                tried = show_trial(site=site, offers=_list_offers(site), terms=form.terms, now=now)
                return self.render_to_response(self.get_context_data(form=form, tried=tried))
            made = site_tariffs.set_tariff(site=site, terms=form.terms, actor=self.actor, now=now)
        except TariffInvalid as refusal:
            form.refuse(refusal)
        except FigureMissing as refusal:
            form.add_error("document", refusal.message)
        except site_tariffs.TariffUnverified:
            form.add_error("confirmed", _("Nobody verified this tariff. Confirm that it is what you pay."))
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            text = _("Version %(number)s of the tariff is set. Prices follow within a minute.")
            messages.success(request, text % {"number": made.number})
            return redirect("site-page", self.organization.uid, site.uid)
        return self.refuse(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, filled from an example, from the version in force, or empty."""
        site = self.site
        examples = [one for one in reference.read_tariff_examples() if one.document is not None]
        fitting = [one for one in examples if one.tariff and one.tariff.currency == site.currency]
        wanted = self.request.GET.get("example", "")
        example = next((one for one in examples if one.name == wanted), None)
        latest = SiteTariff.objects.filter(site=site).order_by("-number").first()
        context = {
            "site": site,
            "examples": fitting,
            "others": [one for one in examples if one not in fitting],
            "example": example,
            "latest": latest,
            "form": kwargs.get("form") or TariffForm(initial=_fill_tariff(example, latest)),
        }
        return super().get_context_data(**{**kwargs, **context})


class EnergyPage(ProviderPage):
    """What a site's hall does with its electricity; a trial shows what it does to each offer."""

    template_name = "workers/energy.html"
    needs = Permission.MANAGE_SITES

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try it, or keep it."""
        site, now = self.site, timezone.now()
        form = EnergyForm(request.POST, energy=site_energy.find_energy(site=site), pue=site.pue)
        if not form.is_valid():
            return self.refuse(form)
        try:
            site_energy.check_energy(form.energy)
            if self.is_trial:
                imagined = previews.imagine_energy(site=site, energy=form.energy)
                tried = show_trial(site=imagined, offers=_list_offers(site), now=now)
                return self.render_to_response(self.get_context_data(form=form, tried=tried))
            site_energy.set_energy(site=site, energy=form.energy, actor=self.actor, now=now)
        except (site_energy.SiteEnergyInvalid, FigureUnconfirmed) as refusal:
            form.refuse(refusal)
            return self.refuse(form)
        messages.success(request, _("The site's energy is kept. Prices follow within a minute."))
        return redirect("site-page", self.organization.uid, site.uid)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form with what is said now."""
        site = self.site
        form = kwargs.get("form") or EnergyForm(energy=site_energy.find_energy(site=site), pue=site.pue)
        coolings = reference.read_default_pues()
        return super().get_context_data(**{**kwargs, "site": site, "form": form, "coolings": coolings})


def show_trial(
    *, site: Site, offers: list[Offer], now: datetime, terms: site_tariffs.Terms | None = None
) -> dict[str, Any]:
    """
    What a site's offers would cost on the whole, beside what they cost as it is; nothing is stored.

    :raises marketplace.tariffs.refusals.TariffInvalid: if the tariff that is tried cannot be meant
    :raises marketplace.tariffs.refusals.FigureMissing: if it needs a figure that is not given
    """
    kept = Site.objects.get(pk=site.pk)
    before, after = (
        previews.look_at_power(site=kept, now=now),
        previews.look_at_power(site=site, now=now, terms=terms),
    )
    rows = []
    for offer in offers:
        scale = showing.list_scales(offer)[0]
        old = previews.preview_offer(offer=offer, now=now, outlook=before)
        new = previews.preview_offer(
            offer=previews.move_offer(offer=offer, site=site), now=now, outlook=after
        )
        rows.append((offer, scale, _price(old, scale), _price(new, scale), new.problem))
    return {"rows": rows, **showing.show_power(site=site, outlook=after)}


def _price(preview: previews.Preview, scale: showing.Scale) -> Any:
    if preview.prospect is None:
        return None
    return ROUNDING.multiply(preview.prospect.built.prices[scale.unit], scale.times)


def _list_offers(site: Site) -> list[Offer]:
    rows = Offer.objects.filter(site=site).exclude(state=Offer.State.WITHDRAWN)
    return list(rows.select_related("site", "model", "profile", "organization").order_by("id"))


def _fill_tariff(example: TariffExample | None, latest: SiteTariff | None) -> dict[str, Any]:
    if example is not None and example.document is not None:
        return {"document": write_document(example.document)}
    if latest is None:
        return {}
    return {
        "document": write_document(latest.document),
        "hold_hours": latest.hold_minutes // 60,
        "quotes_forecasts": latest.quotes_forecasts,
        **{name: latest.figures.get(name, "") for name in site_tariffs.NUMBERS},
        "calendar": write_document(latest.figures["calendar"]) if "calendar" in latest.figures else "",
    }
