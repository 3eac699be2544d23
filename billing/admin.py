"""Operators' view of money: read-only, with the way from every row to those it came from and led to."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.audit import Actor
from accounts.models import User
from billing import quarantine
from billing.explorer import origins
from billing.links import NOTHING, BooksAdmin, link, table
from billing.models import (
    Charge,
    ChargeEntry,
    ChargeQuarantine,
    Currency,
    Entry,
    HeatCharge,
    Hold,
    Posting,
    QueuedCharge,
    Scope,
    SpendingLimit,
)

ROWS_MAX = 200


@admin.register(Currency)
class CurrencyAdmin(BooksAdmin):
    """Currencies the ledger keeps."""

    list_display = ("code", "name", "kind", "exponent")
    id_fields = ()
    search_fields = ("code", "name")
    ordering = ("code",)


@admin.register(Entry)
class EntryAdmin(BooksAdmin):
    """Movements of money."""

    list_display = ("id", "kind", "key", "actor", "happened_at", "recorded_at")
    list_filter = ("kind",)
    search_fields = ("key", "reason", "actor")
    readonly_fields = ("number", "about", "postings", "charges", "reversal")

    @admin.display(description="number in the ledger")
    def number(self, entry: Entry) -> str:
        """Gap-free; none for a moment after the commit."""
        numbered = getattr(entry, "number", None)
        return f"{numbered.seq}, chain {bytes(numbered.chain).hex()}" if numbered else NOTHING

    @admin.display(description="posted for")
    def about(self, entry: Entry) -> SafeString:
        """The payment, dispute, payout, charge or whatever else it was."""
        return table(("what", "where"), origins.list_origins(entry=entry))

    @admin.display(description="postings")
    def postings(self, entry: Entry) -> SafeString:
        """Debits and credits; they sum to zero in every currency."""
        rows = Posting.objects.filter(entry=entry).select_related("account").order_by("seq")
        return table(
            ("account", "amount", "currency"),
            (
                (link("billing_ledgeraccount", row.account_id, row.account.code), row.amount, row.currency)
                for row in rows
            ),
        )

    @admin.display(description="charges")
    def charges(self, entry: Entry) -> SafeString:
        """What this entry posted."""
        usages = (
            ChargeEntry.objects.filter(entry=entry).order_by("usage_id").values_list("usage_id", flat=True)
        )
        rows = Charge.objects.filter(usage_id__in=list(usages[:ROWS_MAX])).select_related("payable")
        return table(
            ("charge", "amount", "fee", "overrun", "wallet", "earned by", "hold"),
            (
                (
                    link("billing_charge", row.usage_id),
                    f"{row.amount} {row.currency}",
                    row.fee,
                    row.overrun,
                    link("billing_scope", row.wallet_id),
                    link("billing_ledgeraccount", row.payable_id, row.payable.code),
                    link("billing_hold", row.hold_id),
                )
                for row in rows.order_by("usage_id")
            ),
        )

    @admin.display(description="reversed by")
    def reversal(self, entry: Entry) -> SafeString:
        """The entry that undid this one."""
        undoing = getattr(entry, "reversed_by", None)
        return link("billing_entry", undoing.pk if undoing else None)


@admin.register(Scope)
class ScopeAdmin(BooksAdmin):
    """Wallets and limits."""

    list_display = (
        *("id", "kind", "organization", "currency", "posted", "held", "available", "ceiling"),
        *("limit", "period_start"),
    )
    list_filter = ("kind", "currency")
    list_select_related = ("organization", "limit")
    search_fields = ("organization__name", "organization__uid")
    readonly_fields = ("available", "open_holds")

    @admin.display(description="open holds")
    def open_holds(self, scope: Scope) -> SafeString:
        """What is set aside, oldest first."""
        rows = Hold.objects.filter(scopes__contains=[scope.pk], state="OPEN").order_by("id")[:ROWS_MAX]
        return table(
            ("hold", "amount", "released", "opened at"),
            ((link("billing_hold", row.pk), row.amount, row.released, row.opened_at) for row in rows),
        )


@admin.register(SpendingLimit)
class SpendingLimitAdmin(BooksAdmin):
    """What keys, members and projects may spend, with a row of scope for each period."""

    list_display = (
        *("uid", "kind", "subject_id", "organization", "period", "ceiling", "currency"),
        *("turns_at", "ended_at"),
    )
    list_filter = ("kind", "period", "currency", ("ended_at", admin.EmptyFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("uid", "organization__name", "organization__uid")
    readonly_fields = ("periods",)

    @admin.display(description="periods")
    def periods(self, limit: SpendingLimit) -> SafeString:
        """Every period in which something was spent or held, newest first."""
        rows = limit.scopes.order_by("-period_start", "-id")[:ROWS_MAX]
        return table(
            ("scope", "began", "ceiling", "left", "held"),
            (
                (link("billing_scope", row.pk), row.period_start or "", row.ceiling, row.posted, row.held)
                for row in rows
            ),
        )


@admin.register(Hold)
class HoldAdmin(BooksAdmin):
    """Money set aside for jobs."""

    list_display = ("id", "job", "amount", "released", "currency", "state", "opened_at", "closed_at")
    list_filter = ("state", "currency")
    id_fields = ("id", "source")
    search_fields = ("currency",)
    readonly_fields = ("job", "limited_by", "charges")

    @admin.display(description="job")
    def job(self, hold: Hold) -> SafeString:
        """What it was opened for."""
        return link("marketplace_job", hold.source)

    @admin.display(description="scopes")
    def limited_by(self, hold: Hold) -> SafeString:
        """The wallet and limits it raised."""
        return table(("scope",), ((link("billing_scope", scope),) for scope in hold.scopes))

    @admin.display(description="charges")
    def charges(self, hold: Hold) -> SafeString:
        """What it was used for."""
        rows = Charge.objects.filter(hold=hold).order_by("usage_id")
        return table(
            ("charge", "amount", "closes it"),
            ((link("billing_charge", row.usage_id), row.amount, row.closes_hold) for row in rows),
        )


@admin.register(Charge)
class ChargeAdmin(BooksAdmin):
    """Usage with its price; from here to the usage, the job, and the entry that posted it."""

    list_display = ("usage_id", "amount", "currency", "rated", "fee", "overrun", "stands", "rated_at")
    list_filter = ("currency",)
    id_fields = ("usage_id", "hold__source")
    search_fields = ("currency",)
    ordering = ("-usage_id",)
    readonly_fields = ("provider_amount", "usage", "job", "stands", "came_back")

    @admin.display(description="usage record")
    def usage(self, charge: Charge) -> SafeString:
        """The attempt with its meters, price card and receipt."""
        return link("admin:workers_attempt_by_usage", charge.usage_id, f"usage record {charge.usage_id}")

    @admin.display(description="job")
    def job(self, charge: Charge) -> SafeString:
        """The job that is paid for."""
        return link("marketplace_job", charge.hold.source)

    @admin.display(description="stands")
    def stands(self, charge: Charge) -> SafeString:
        """Posted, queued, or in quarantine."""
        posted = ChargeEntry.objects.filter(pk=charge.pk).first()
        if posted is not None:
            return link("billing_entry", posted.entry_id, f"posted in entry {posted.entry_id}")
        if QueuedCharge.objects.filter(pk=charge.pk).exists():
            return format_html("{}", "queued")
        if ChargeQuarantine.objects.filter(pk=charge.pk).exists():
            return link("billing_chargequarantine", charge.pk, "in quarantine")
        return format_html("{}", "nothing to pay")

    @admin.display(description="came back")
    def came_back(self, charge: Charge) -> SafeString:
        """Its refund, what was credited for a claim, what was given back when its price was final."""
        return table(("as", "entry"), origins.list_returns(usage_id=charge.usage_id))


@admin.register(ChargeQuarantine)
class ChargeQuarantineAdmin(BooksAdmin):
    """Charges that the ledger refused; they wait here alone."""

    list_display = ("usage_id", "charge", "error", "quarantined_at")
    id_fields = ("usage_id",)
    search_fields = ("error",)
    ordering = ("quarantined_at",)
    readonly_fields = ("charge",)
    actions = ("requeue",)

    @admin.display(description="charge")
    def charge(self, row: ChargeQuarantine) -> SafeString:
        """What could not be posted."""
        return link("billing_charge", row.usage_id)

    @admin.action(description="Queue again: the cause is gone", permissions=["requeue"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[ChargeQuarantine]) -> None:
        """Have charges posted after all; recorded under the operator's name."""
        assert isinstance(request.user, User)  # noqa: S101 - the admin lets in nobody else
        for row in queryset:
            quarantine.requeue(row=row, actor=Actor.from_user(request.user), now=timezone.now())
            self.message_user(request, f"Charge {row.usage_id} is queued.", messages.SUCCESS)

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Rows are never edited, but whoever might may queue them again."""
        return request.user.has_perm("billing.change_chargequarantine")


@admin.register(HeatCharge)
class HeatChargeAdmin(BooksAdmin):
    """Metered heat: due while it has no entry, because the wallet has not enough."""

    list_display = ("key", "amount", "currency", "fee", "due_at", "entry")
    list_filter = (("entry", admin.EmptyFieldListFilter), "currency")
    list_select_related = ("entry",)
    id_fields = ("entry_id",)
    search_fields = ("key",)
    ordering = ("-id",)


from billing.approving import admin as approving_admin  # noqa: E402, F401
from billing.banking import admin as banking_admin  # noqa: E402, F401
from billing.closing import admin as closing_admin  # noqa: E402, F401
from billing.compliance import admin as compliance_admin  # noqa: E402, F401
from billing.connect import admin as connect_admin  # noqa: E402, F401
from billing.explorer import admin as explorer_admin  # noqa: E402, F401
from billing.free_starts import admin as free_starts_admin  # noqa: E402, F401
from billing.fx import admin as fx_admin  # noqa: E402, F401
from billing.rails import admin as rails_admin  # noqa: E402, F401
from billing.rails import admin_chain  # noqa: E402, F401
from billing.reconciliation import admin as reconciliation_admin  # noqa: E402, F401
from billing.self_billing import admin as self_billing_admin  # noqa: E402, F401
from billing.settlement import admin as settlement_admin  # noqa: E402, F401
from billing.settlement import admin_payouts  # noqa: E402, F401
from billing.statements import admin as statements_admin  # noqa: E402, F401
from billing.stripe import admin as stripe_admin  # noqa: E402, F401
