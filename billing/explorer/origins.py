"""What an entry was posted for, and what came back of a charge: from the ledger to the things themselves."""

import re
from collections.abc import Iterator

from django.contrib import admin
from django.db.models import ForeignKey
from django.utils.safestring import SafeString

from billing.links import link
from billing.models import Entry, GiveBack, PayoutStep

OF_CHARGE = re.compile(r"(?:claim|refund):usage:([0-9]{1,18})")
BACK = {"refund": "REFUND", "claim": "CLAIM"}
ROWS_MAX = 200


def list_origins(*, entry: Entry) -> Iterator[tuple[str, SafeString]]:
    """Whatever names the entry as its own, and has a page: what it is called, and its link."""
    charge = OF_CHARGE.fullmatch(entry.key)
    if charge is not None:
        yield "charge", link("billing_charge", int(charge[1]))
    for step in PayoutStep.objects.filter(entry=entry)[:ROWS_MAX]:
        yield "payout", link("billing_payout", step.payout_id)
    for given in GiveBack.objects.filter(entry=entry).order_by("usage_id")[:ROWS_MAX]:
        yield "charge whose price is final", link("billing_charge", given.usage_id)
    for field in _list_fields():
        model = field.model
        for row in model._default_manager.filter(**{field.name: entry}).order_by("pk")[:ROWS_MAX]:
            yield str(model._meta.verbose_name), link(model._meta.label_lower.replace(".", "_"), row.pk)


def list_returns(*, usage_id: int) -> Iterator[tuple[str, SafeString]]:
    """Entries by which something of a charge came back: its refund, its claim, its final price."""
    for word, kind in BACK.items():
        for pk in Entry.objects.filter(key=f"{word}:usage:{usage_id}").values_list("pk", flat=True):
            yield kind, link("billing_entry", pk)
    given = GiveBack.objects.filter(usage_id=usage_id).exclude(entry=None).first()
    if given is not None:
        yield "GIVE_BACK", link("billing_entry", given.entry_id)


def _list_fields() -> Iterator[ForeignKey]:  # type: ignore[type-arg]
    """Columns of tables with a page that name an entry; a reversal is shown with its entry already."""
    for relation in Entry._meta.get_fields(include_hidden=True):
        field = getattr(relation, "field", None)
        if (
            isinstance(field, ForeignKey)
            and field.model is not Entry
            and admin.site.is_registered(field.model)
        ):
            yield field
