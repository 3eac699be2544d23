"""Operators' view of work: nodes, attempts and what they led to, receipts, flags. Nothing is edited."""

import json
from collections.abc import Callable
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import User
from billing.links import NOTHING, BooksAdmin, link, table
from core.errors import DomainError
from workers import (
    admin_claims,  # noqa: F401 - registers itself
    admin_kpis,  # noqa: F401 - registers itself
    nodes,
    upstreams,
)
from workers.models import (
    AnswerClaim,
    Attempt,
    Dealing,
    DirectUpstream,
    Endpoint,
    MeterFlag,
    Node,
    NodeEvent,
    Receipt,
    UsageEnergy,
    UsageRecord,
)

ROWS_MAX = 200


@admin.register(Node)
class NodeAdmin(BooksAdmin):
    """Computers that run jobs."""

    list_display = ("name", "organization", "site", "state", "chips", "connected_at", "last_seen_at", "epoch")
    list_filter = ("state",)
    list_select_related = ("organization", "site")
    search_fields = ("uid", "name", "organization__name", "machine_id")
    readonly_fields = ("offers", "happened")
    actions = ("retire",)

    @admin.display(description="offers")
    def offers(self, node: Node) -> SafeString:
        """What it serves."""
        rows = Endpoint.objects.filter(node=node).select_related("offer__model")
        return table(
            ("offer", "model", "upstream name", "state"),
            (
                (
                    link("marketplace_offer", row.offer_id),
                    row.offer.model.slug,
                    row.upstream_model,
                    row.offer.state,
                )
                for row in rows
            ),
        )

    @admin.display(description="newest events")
    def happened(self, node: Node) -> SafeString:
        """What was odd about its connection or its receipts."""
        rows = NodeEvent.objects.filter(node=node).order_by("-id")[:ROWS_MAX]
        return table(
            ("at", "kind", "details"), ((row.created_at, row.kind, json.dumps(row.details)) for row in rows)
        )

    @admin.action(description="Retire for good, with the token", permissions=["operate"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Node]) -> None:
        """Take nodes out; recorded under the operator's name."""
        assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
        for node in queryset.select_related("organization", "agent_token"):
            try:
                nodes.retire_node(node=node, actor=Actor.from_user(request.user), now=timezone.now())
            except DomainError as refusal:
                self.message_user(request, f"{node}: {refusal.message}", messages.WARNING)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Rows are never edited, but whoever might may do what the actions do."""
        return request.user.has_perm("workers.change_node")


@admin.register(Attempt)
class AttemptAdmin(BooksAdmin):
    """Tries of jobs: from here to the job, the price card, the usage with its charge, and the receipt."""

    list_display = ("id", "uid", "job", "number", "state", "node", "error_code", "started_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("job", "node")
    id_fields = ("id", "job_id")
    search_fields = ("uid", "receipt_uid", "job__uid", "node__uid")
    fields = (
        *("uid", "job_link", "number", "state", "error_code", "offer_link", "card_link", "node_link"),
        *("started_at", "ended_at", "lease_until", "renewed_at", "delivered_in", "delivered_out"),
        *("usage", "counts", "receipt", "claimed", "flags"),
    )
    readonly_fields = (
        "claimed",
        "job_link",
        "offer_link",
        "card_link",
        "node_link",
        "usage",
        "counts",
        "receipt",
        "flags",
    )

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the attempt of a usage record."""
        page = self.admin_site.admin_view(self.find_by_usage)
        return [
            path("by-usage/<int:usage_id>/", page, name="workers_attempt_by_usage"),
            *super().get_urls(),
        ]

    def find_by_usage(self, request: HttpRequest, usage_id: int) -> HttpResponse:
        """Go to the attempt that a usage record, and so a charge, belongs to."""
        record = UsageRecord.objects.filter(id=usage_id).first()
        if record is None:
            raise Http404
        return HttpResponseRedirect(reverse("admin:workers_attempt_change", args=[record.attempt_id]))

    @admin.display(description="job")
    def job_link(self, attempt: Attempt) -> SafeString:
        """What it tried to do."""
        return link("marketplace_job", attempt.job_id, f"job {attempt.job.uid}")

    @admin.display(description="offer")
    def offer_link(self, attempt: Attempt) -> SafeString:
        """Whose offer it ran on."""
        return link("marketplace_offer", attempt.offer_id)

    @admin.display(description="price card")
    def card_link(self, attempt: Attempt) -> SafeString:
        """The price it ran under."""
        return link("marketplace_pricecard", attempt.card_id)

    @admin.display(description="node")
    def node_link(self, attempt: Attempt) -> SafeString:
        """Where it ran."""
        return link("workers_node", attempt.node_id, attempt.node.name)

    @admin.display(description="usage records")
    def usage(self, attempt: Attempt) -> SafeString:
        """Both meters: tokens (in / cached / out), chip-seconds, joules and grams; and the charge."""
        rows = UsageRecord.objects.filter(attempt=attempt).order_by("seq")
        energies = UsageEnergy.objects.filter(attempt=attempt).order_by("seq")
        heads = (
            "seq",
            "ours",
            "claim",
            "billed",
            "counted by",
            "chip-seconds",
            "joules",
            "kWh (IT + cooling + losses)",
            "gCO2e (grid / contracted)",
            "kWh heat",
            "ended",
        )
        return table(
            (*heads, "charge"),
            (
                (
                    row.seq,
                    f"{row.ours_in} / {row.ours_cached} / {row.ours_out}",
                    f"{row.claim_in} / {row.claim_cached} / {row.claim_out}",
                    f"{row.billed_in} / {row.billed_cached} / {row.billed_out}",
                    row.count_method,
                    row.chip_seconds,
                    f"{row.joules} ({row.tier}, {row.attribution})",
                    f"{row.kwh} ({used.it_kwh} + {used.cooling_kwh} + {used.loss_kwh})",
                    f"{row.gco2e} / {used.market_gco2e}",
                    used.heat_kwh,
                    row.ended_how,
                    link("billing_charge", row.id),
                )
                for row, used in zip(rows, energies, strict=True)
            ),
        )

    @admin.display(description="counts in statistics")
    def counts(self, attempt: Attempt) -> str:
        """Whether it is trade between strangers in real money; what is not counts for nothing."""
        reasons = Dealing.objects.filter(attempt=attempt).values_list("excluded_because", flat=True)
        return ", ".join(sorted({reason or "yes" for reason in reasons})) or NOTHING

    @admin.display(description="receipt")
    def receipt(self, attempt: Attempt) -> SafeString:
        """The agent's own statement."""
        found = Receipt.objects.filter(attempt_uid=attempt.uid).first()
        return link("workers_receipt", found.pk if found else None)

    @admin.display(description="claim")
    def claimed(self, attempt: Attempt) -> SafeString:
        """What its buyer claims of the answer."""
        found = AnswerClaim.objects.filter(job_id=attempt.job_id).first()
        return link("workers_answerclaim", found.pk if found else None, found and found.state)

    @admin.display(description="flags")
    def flags(self, attempt: Attempt) -> SafeString:
        """What was odd about it."""
        rows = MeterFlag.objects.filter(attempt=attempt).order_by("id")
        return table(("kind", "details"), ((row.kind, json.dumps(row.details)) for row in rows))


@admin.register(Receipt)
class ReceiptAdmin(BooksAdmin):
    """What agents signed."""

    list_display = ("id", "attempt_uid", "node", "claim_in", "claim_out", "joules", "tier", "received_at")
    list_select_related = ("node",)
    search_fields = ("attempt_uid", "node__uid", "key_id")
    fields = (
        *("attempt", "node", "key_id", "verified", "statement", "claim_in", "claim_cached", "claim_out"),
        *("joules", "tier", "started_at", "ended_at", "received_at", "compared"),
    )
    readonly_fields = ("attempt", "verified", "statement", "compared")

    @admin.display(description="attempt")
    def attempt(self, receipt: Receipt) -> SafeString:
        """Ours, if there is one."""
        found = Attempt.objects.filter(uid=UUID(str(receipt.attempt_uid))).first()
        return link("workers_attempt", found.pk if found else None)

    @admin.display(description="signature")
    def verified(self, receipt: Receipt) -> str:
        """Checked now, against the key that is pinned to the node's token."""
        key = receipt.node.agent_token.public_key
        if not key:
            return "no key is pinned"
        try:
            Ed25519PublicKey.from_public_bytes(bytes(key)).verify(
                bytes(receipt.signature), bytes(receipt.body)
            )
        except (InvalidSignature, ValueError):
            return "WRONG"
        return "right"

    @admin.display(description="what was signed")
    def statement(self, receipt: Receipt) -> SafeString:
        """The raw bytes; they hold hashes and figures, no text of anybody's."""
        return format_html("<pre>{}</pre>", bytes(receipt.body).decode(errors="replace"))

    @admin.display(description="compared")
    def compared(self, receipt: Receipt) -> str:
        """When it was compared with our record."""
        comparison = getattr(receipt, "comparison", None)
        return str(comparison.compared_at) if comparison else NOTHING


@admin.register(MeterFlag)
class MeterFlagAdmin(BooksAdmin):
    """Oddities for people to look at."""

    list_display = ("id", "kind", "attempt_link", "details", "created_at")
    list_filter = ("kind",)
    id_fields = ("id", "attempt_id")
    search_fields = ("kind", "attempt__uid", "attempt__job__uid")
    readonly_fields = ("attempt_link",)

    @admin.display(description="attempt")
    def attempt_link(self, flag: MeterFlag) -> SafeString:
        """What it is about."""
        return link("workers_attempt", flag.attempt_id)


@admin.register(NodeEvent)
class NodeEventAdmin(BooksAdmin):
    """Oddities of nodes' connections."""

    list_display = ("id", "kind", "node", "details", "created_at")
    list_filter = ("kind",)
    list_select_related = ("node",)
    search_fields = ("kind", "node__uid", "node__name")


@admin.register(DirectUpstream)
class DirectUpstreamAdmin(BooksAdmin):
    """Addresses that providers submitted for their nodes."""

    list_display = ("id", "url", "organization", "node", "state", "slots", "submitted_at", "decided_by")
    list_filter = ("state",)
    list_select_related = ("node__organization", "decided_by")
    search_fields = ("url", "node__uid", "node__name", "node__organization__name")
    fields = (
        *("uid", "node_link", "organization", "url", "slots", "state", "submitted_at"),
        *("decided_at", "decided_by", "credential_set_at", "key_id"),
    )
    readonly_fields = ("node_link", "organization")
    actions = ("admit", "refuse")

    @admin.display(description="node")
    def node_link(self, upstream: DirectUpstream) -> SafeString:
        """Which node is called there."""
        return link("workers_node", upstream.node_id, upstream.node.name)

    @admin.display(description="provider")
    def organization(self, upstream: DirectUpstream) -> str:
        """Whose it is."""
        return str(upstream.node.organization)

    @admin.action(description="Admit: requests may be sent there", permissions=["operate"])
    def admit(self, request: HttpRequest, queryset: QuerySet[DirectUpstream]) -> None:
        """Let addresses be called; recorded under the operator's name."""
        self._decide(request, queryset, upstreams.admit_upstream)

    @admin.action(description="Refuse: nothing is sent there", permissions=["operate"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[DirectUpstream]) -> None:
        """Let addresses not be called; recorded under the operator's name."""
        self._decide(request, queryset, upstreams.refuse_upstream)

    def _decide(
        self,
        request: HttpRequest,
        queryset: QuerySet[DirectUpstream],
        decide: Callable[..., None],
    ) -> None:
        assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
        for upstream in queryset.select_related("node__organization"):
            try:
                decide(upstream=upstream, operator=request.user, now=timezone.now())
            except DomainError as refusal:
                self.message_user(request, f"{upstream}: {refusal.message}", messages.WARNING)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Rows are never edited, but whoever might may do what the actions do."""
        return request.user.has_perm("workers.change_directupstream")
