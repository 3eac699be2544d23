"""What operators do with methods and files, and what each deed asks for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from unfold.widgets import UnfoldAdminFileFieldWidget  # type: ignore[import-untyped]

from accounts import audit
from accounts.audit import Actor
from billing.models import ChainDeposit, PayoutMethod, RailFile
from billing.rails import answers, files, methods
from billing.rails.chain import assignment, batches, reader
from billing.rails.protocol import find_payout_uid
from billing.settlement import payouts
from core.errors import Invalid


class NothingAsked(forms.Form):
    """A deed that needs no words."""


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(max_length=500)


class AnswerForm(forms.Form):
    """What came back."""

    answer = forms.FileField(widget=UnfoldAdminFileFieldWidget)


class TransactionForm(forms.Form):
    """The transaction that carried a batch."""

    transaction = forms.CharField(max_length=66)


class PaidForm(forms.Form):
    """A payment that was made by hand."""

    payout = forms.CharField(max_length=32, help_text="As the file calls it: 32 characters.")
    reference = forms.CharField(max_length=140)


class OwnerForm(forms.Form):
    """Whose a deposit is, and how one knows."""

    organization = forms.UUIDField(label="uid of the organization")
    reason = forms.CharField(max_length=assignment.REASON_LENGTH_MAX)


ACTS: dict[str, type[forms.Form]] = {
    "show": NothingAsked,
    "verify": NothingAsked,
    "block": ReasonForm,
    "download": NothingAsked,
    "hand_over": NothingAsked,
    "void": ReasonForm,
    "answer": AnswerForm,
    "transaction": TransactionForm,
    "paid": PaidForm,
    "assign": OwnerForm,
}


def act_on_method(
    name: str, method: PayoutMethod, given: Mapping[str, Any], *, actor: Actor, now: datetime
) -> str:
    """
    Show the account, verify or block it; answers what to say.

    :raises core.errors.DomainError: what the deed raises
    """
    match name:
        case "show":
            details = methods.open_details(method)
            with transaction.atomic():
                audit.record_event(
                    actor=actor,
                    action="payout_method.show",
                    subject_kind="payout_method",
                    subject_uid=method.uid,
                    organization=method.organization,
                    now=now,
                )
            return "; ".join(f"{key}: {value}" for key, value in sorted(details.items()))
        case "verify":
            methods.verify_method(method=method, actor=actor, now=now)
            return f"Verified. It is paid from {method.payable_from:%Y-%m-%d %H:%M} UTC on."
        case "block":
            methods.block_method(method=method, reason=given["reason"], actor=actor, now=now)
            return "Blocked. Its owner reads the reason."
    raise Invalid("There is no such deed.")


def act_on_deposit(
    name: str, deposit: ChainDeposit, given: Mapping[str, Any], *, actor: Actor, now: datetime
) -> str:
    """
    Say whose a deposit in suspense is; answers what to say.

    :raises core.errors.DomainError: what the deed raises
    """
    if name != "assign":
        raise Invalid("There is no such deed.")
    assignment.prepare(
        deposit=deposit,
        organization_uid=given["organization"],
        reason=given["reason"],
        actor=actor,
        now=now,
    )
    return "Prepared: somebody else has to approve it."


def act_on_file(
    name: str, file: RailFile, given: Mapping[str, Any], *, actor: Actor, now: datetime
) -> HttpResponse | str:
    """
    Take a file, hand it over, throw it away, or say what came back; answers what to say, or the file.

    :raises core.errors.DomainError: what the deed raises
    """
    match name:
        case "download":
            content = files.open_content(file=file, actor=actor, now=now)
            answer = HttpResponse(content, content_type=file.media_type)
            answer["Content-Disposition"] = f'attachment; filename="{file.name}"'
            answer["X-Content-SHA256"] = file.sha256
            return answer
        case "hand_over":
            files.hand_over(file=file, actor=actor, now=now)
            return "Handed over. Its payouts are sent."
        case "void":
            files.void_file(file=file, note=given["reason"], actor=actor, now=now)
            return "Thrown away. Its payouts wait again."
        case "answer":
            content = given["answer"].read(files.ANSWER_BYTES_MAX + 1)
            news = answers.take_answer(file=file, content=content, actor=actor, now=now)
            waiting = sum(not one.is_followed for one in news)
            said = f"{len(news) - waiting} payouts were followed."
            return (
                f"{said} {waiting} were refused: another person has to hand in the same." if waiting else said
            )
        case "transaction":
            news = batches.confirm_batch(
                file=file,
                tx_hash=given["transaction"].strip(),
                reader=reader.make_reader(),
                confirmations=settings.CHAIN_CONFIRMATIONS,
                actor=actor,
                now=now,
            )
            return f"{len(news)} payouts were paid."
        case "paid":
            uid = find_payout_uid(given["payout"])
            if uid is None:
                raise Invalid("A payout is called by 32 characters.")
            answers.note_payment(
                payout=payouts.find_payout(uid=uid),
                reference=given["reference"],
                paid_at=now,
                actor=actor,
                now=now,
            )
            return "Noted. Somebody else has to confirm it."
    raise Invalid("There is no such deed.")
