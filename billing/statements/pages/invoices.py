"""Invoices with their files, and the form that says to whom they are made out."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing.models import Invoice
from billing.statements import files, profiles
from billing.statements.profiles import ADDRESS_MAX, NAME_MAX, Described, ProfileInvalid
from billing.statements.tax_ids import TaxIdInvalid
from core.formats import list_countries
from core.money import Money
from core.templatetags.looks import read_locale

SHOWN = 100
TAX_IDS = [
    ("", _("None")),
    ("eu_vat", _("European Union: VAT number")),
    ("gb_vat", _("United Kingdom: VAT number")),
    ("cn_uscc", _("China: unified social credit code")),
    ("hk_br", _("Hong Kong: business registration number")),
    ("us_ein", _("United States: EIN")),
    ("sg_uen", _("Singapore: UEN")),
    ("jp_trn", _("Japan: invoice registration number")),
    ("au_abn", _("Australia: ABN")),
    ("in_gstin", _("India: GSTIN")),
]


class ProfileForm(forms.Form):
    """To whom invoices are made out."""

    name = forms.CharField(label=_("Name on invoices"), max_length=NAME_MAX)
    address = forms.CharField(
        label=_("Address"), max_length=ADDRESS_MAX, widget=forms.Textarea(attrs={"rows": 4})
    )
    country = forms.ChoiceField(label=_("Country"), choices=lambda: list_countries(read_locale()))
    tax_id_kind = forms.ChoiceField(label=_("Kind of tax number"), choices=TAX_IDS, required=False)
    tax_id = forms.CharField(
        label=_("Tax number"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    language = forms.ChoiceField(
        label=_("Language of invoices"), choices=[("en", "English"), ("zh-hans", "简体中文")]
    )


class InvoicesPage(OrganizationPage):
    """Invoices and credit notes, newest first."""

    template_name = "billing/statements/invoices.html"
    needs = Permission.VIEW_MONEY
    tab = "wallet"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Those of the organization."""
        mine = Invoice.objects.filter(organization=self.organization, series=0).select_related("corrects")
        rows = [(one, Money(one.total, one.currency)) for one in mine.order_by("-id")[:SHOWN]]
        return super().get_context_data(rows=rows, **kwargs)


class InvoiceFile(OrganizationPage):
    """One of them to print."""

    needs = Permission.VIEW_MONEY
    tab = "wallet"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """As PDF: in its own language, or with `?here` in that of the page."""
        found = access.find_owned(
            Invoice.objects.all(), organization=self.organization, uid=self.kwargs["invoice"]
        )
        language = (get_language() or "") if "here" in request.GET else ""
        return files.answer_invoice_pdf(invoice=found, language=language)


class ProfilePage(OrganizationPage):
    """To whom invoices are made out from now on."""

    template_name = "billing/statements/profile.html"
    needs = Permission.VIEW_MONEY
    needs_to_post = Permission.MANAGE_MONEY
    tab = "wallet"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, filled with what is known."""
        known = profiles.find_profile(organization=self.organization)
        names = ("name", "address", "country", "tax_id_kind", "language")
        form = kwargs.get("form") or ProfileForm(initial={name: getattr(known, name) for name in names})
        end = profiles.show_tax_id(known)
        if end:
            told = gettext("The number that ends in %(end)s is known. Leave this empty to keep it.")
            form.fields["tax_id"].help_text = told % {"end": end}
        return super().get_context_data(**{**kwargs, "form": form, "tax_id": end})

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Say it."""
        form = ProfileForm(request.POST)
        if form.is_valid() and self._describe(form):
            messages.success(request, gettext("Saved."))
            return redirect("billing-profile-page", self.organization.uid)
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def _describe(self, form: ProfileForm) -> bool:
        known, given = profiles.find_profile(organization=self.organization), form.cleaned_data
        if not given["tax_id"] and given["tax_id_kind"] == known.tax_id_kind:
            given |= {"tax_id": profiles.open_tax_id(known)}
        try:
            profiles.describe(
                organization=self.organization,
                described=Described(**given),
                actor=self.actor,
                now=timezone.now(),
            )
        except TaxIdInvalid as refusal:
            field = refusal.extra.get("field", "tax_id")
            form.add_error(field, gettext("This is no such tax number; look at its digits once more."))
            return False
        except ProfileInvalid as refusal:
            form.add_error(refusal.extra.get("field"), gettext("This is missing, or is not as it should be."))
            return False
        return True
