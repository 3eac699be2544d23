"""Nodes of a site: those that are there, and a form for another, with the code its agent enrols by."""

from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import Permission
from core.errors import DomainError
from workers import enrolments, nodes
from workers.models import Node
from workers.pages.fields import FigureField
from workers.pages.offer_forms import list_chips
from workers.pages.sites import ProviderPage

NODES_SHOWN_MAX = 200


class NodeForm(forms.Form):
    """A computer, or the front of a cluster."""

    name = forms.CharField(
        label=_("Name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    chip_slug = forms.ChoiceField(label=_("Chip"), choices=list_chips, required=False)
    chips = forms.IntegerField(label=_("Number of chips"), min_value=1, max_value=100_000)
    watts_idle = FigureField(label=_("Watts of the whole machine when idle"), max_digits=10, decimal_places=2)
    watts_busy = FigureField(
        label=_("Watts of the whole machine when busy"),
        max_digits=10,
        decimal_places=2,
        help_text=_("They count where the agent can measure nothing better."),
    )

    def clean(self) -> dict[str, Any]:
        """Being busy takes no less than being idle."""
        given = super().clean() or {}
        if given.get("watts_busy", Decimal(0)) < given.get("watts_idle", Decimal(0)):
            self.add_error("watts_busy", _("No less than when idle."))
        return given


class NodesPage(ProviderPage):
    """A site's nodes. The code of a new one is in this one answer and nowhere else."""

    template_name = "workers/nodes.html"
    needs = Permission.MANAGE_SITES

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Register one, or make another code for one that is there."""
        now = timezone.now()
        if "node" in request.POST:
            node = nodes.find_node(organization=self.organization, uid=request.POST["node"])
            return self._show_code(node)
        form = NodeForm(request.POST)
        if not form.is_valid():
            return self.refuse(form)
        try:
            made = nodes.create_node(
                organization=self.organization,
                site=self.site,
                machine=nodes.Machine(**form.cleaned_data),
                actor=self.actor,
                now=now,
            )
        except DomainError as refusal:
            form.add_error("name" if isinstance(refusal, nodes.NodeExists) else None, refusal.message)
            return self.refuse(form)
        return self._show_code(made.node)

    def _show_code(self, node: Node) -> HttpResponse:
        try:
            opened = enrolments.open_enrolment(node=node, actor=self.actor, now=timezone.now())
        except DomainError as refusal:
            form = NodeForm()
            form.errors["__all__"] = form.error_class([refusal.message])
            return self.refuse(form)
        return self.render_to_response(self.get_context_data(opened=opened, node=node))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The nodes, by name."""
        site = self.site
        context = {
            "site": site,
            "rows": Node.objects.filter(site=site).order_by("name")[:NODES_SHOWN_MAX],
            "form": kwargs.get("form") or NodeForm(),
            "address": self.request.build_absolute_uri("/").rstrip("/"),
        }
        return super().get_context_data(**{**kwargs, **context})
