"""What providers earned by the ledger: by day, by site, by job, and as a file."""

import re
from datetime import date
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField
from accounts.api.filters import apply_filters
from accounts.api.schema import describe
from billing.api.books import CURRENCY
from billing.statements.periods import read_period
from core.errors import Invalid
from workers.income import files, movements
from workers.income.movements import Choice
from workers.models import Attempt

PAGE = 100
CHOSEN = (
    CURRENCY,
    OpenApiParameter("month", {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}, description="A month."),
    OpenApiParameter("since", OpenApiTypes.DATE, description="First day, of UTC; this month's without it."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="The day after the last; tomorrow without it."),
    OpenApiParameter("site", OpenApiTypes.UUID, description="Only of this site."),
    OpenApiParameter("job", OpenApiTypes.UUID, description="Only of this job."),
)
AFTER = OpenApiParameter("after", OpenApiTypes.STR, description="From `next` of a page.")
BY = OpenApiParameter("by", enum=list(files.COLUMNS), description="What its lines are; jobs without it.")


class IncomeDayAnswer(serializers.Serializer[Any]):
    """One day of UTC."""

    day = serializers.DateField()
    earned = AmountField(minimum=None, help_text="Of what was sold, without the platform's share.")
    taken_back = AmountField(source="taken", minimum=None, help_text="By refunds and claims; negative.")
    amount = AmountField(minimum=None, help_text="What is left of it: both together.")


class IncomeSiteAnswer(serializers.Serializer[Any]):
    """One site."""

    site = serializers.UUIDField(source="uid", allow_null=True, help_text="Null for what is of no site.")
    name = serializers.CharField()
    charges = serializers.IntegerField(help_text="How many charges were booked.")
    earned = AmountField(minimum=None)
    taken_back = AmountField(source="taken", minimum=None)
    amount = AmountField(minimum=None)


class IncomeJobAnswer(serializers.Serializer[Any]):
    """What one entry of the ledger moved for one charge of a job: a charge, or what was taken back of it."""

    entry = serializers.IntegerField(source="entry_id")
    usage_id = serializers.IntegerField(help_text="0 for what is no job, such as heat.")
    day = serializers.DateField(help_text="Of UTC, on which it is booked.")
    happened_at = serializers.DateTimeField()
    kind = serializers.CharField(help_text="CHARGE, HEAT, REFUND, CLAIM, GIVE_BACK; undone, with its sign.")
    job = serializers.UUIDField(allow_null=True)
    site = serializers.UUIDField(allow_null=True)
    site_name = serializers.CharField()
    amount = AmountField(minimum=None)


class IncomeAnswer(serializers.Serializer[Any]):
    """What was asked for, and what it comes to; `next` is null on the last page."""

    currency = serializers.CharField()
    since = serializers.DateField()
    until = serializers.DateField(help_text="The day after the last.")
    zone = serializers.CharField(help_text="Whose days they are: UTC.")
    earned = AmountField(minimum=None)
    taken_back = AmountField(minimum=None)
    amount = AmountField(minimum=None, help_text="Of all pages together: what the ledger posted.")
    next = serializers.CharField(allow_null=True, help_text="Pass it as `after` for the next lines.")


class IncomeDaysAnswer(IncomeAnswer):
    """By day, newest first."""

    results = IncomeDayAnswer(many=True)


class IncomeSitesAnswer(IncomeAnswer):
    """By site."""

    results = IncomeSiteAnswer(many=True)


class IncomeJobsAnswer(IncomeAnswer):
    """By job, newest first."""

    results = IncomeJobAnswer(many=True)


class IncomeView(OrganizationView):
    """Earnings in one currency."""

    needs = {"GET": Permission.VIEW_MONEY}
    others: tuple[OpenApiParameter, ...] = (AFTER,)

    def find(self, currency: str) -> Choice:
        """
        What is asked for.

        :raises core.errors.Invalid: if a parameter is unknown, or is not what it should be
        """
        names = frozenset(one.name for one in (*CHOSEN[1:], *self.others))
        apply_filters(Attempt.objects.none(), request=self.request, kind=None, others=names)
        asked = self.request.query_params
        texts = {name: asked.get(name) for name in ("month", "since", "until")}
        return movements.choose(
            organization_id=self.caller().organization.pk,
            currency=currency,
            period=read_period(**texts, now=timezone.now()),
            site=read_uid(asked.get("site", ""), name="site"),
            job=read_uid(asked.get("job", ""), name="job"),
        )

    def answer(self, choice: Choice, results: list[Any], following: str | None) -> dict[str, Any]:
        """What all of them say."""
        total = movements.find_total(choice=choice)
        return {
            "currency": choice.currency,
            "since": choice.period.since,
            "until": choice.period.until,
            "zone": "UTC",
            "earned": total.earned,
            "taken_back": total.taken,
            "amount": total.amount,
            "next": following,
            "results": results,
        }


class IncomeDays(IncomeView):
    """By day."""

    @describe(
        "earnings_days",
        "Earnings by day",
        answer=IncomeDaysAnswer,
        refusals=(422,),
        parameters=(*CHOSEN, AFTER),
    )
    def get(self, request: Request, currency: str) -> Response:
        """What was earned and taken back on each day, newest first."""
        choice, after = self.find(currency), read_day(request.query_params.get("after", ""))
        rows, more = cut(movements.list_days(choice=choice, limit=PAGE + 1, before=after))
        following = str(rows[-1].day) if more else None
        return Response(IncomeDaysAnswer(self.answer(choice, rows, following)).data)


class IncomeSites(IncomeView):
    """By site."""

    @describe(
        "earnings_sites",
        "Earnings by site",
        answer=IncomeSitesAnswer,
        refusals=(422,),
        parameters=(*CHOSEN, AFTER),
    )
    def get(self, request: Request, currency: str) -> Response:
        """What was earned and taken back for each site."""
        choice, after = self.find(currency), read_number(request.query_params.get("after", ""))
        rows, more = cut(movements.list_sites(choice=choice, limit=PAGE + 1, after=after))
        following = str(rows[-1].number) if more else None
        return Response(IncomeSitesAnswer(self.answer(choice, rows, following)).data)


class IncomeJobs(IncomeView):
    """By job."""

    @describe(
        "earnings_jobs",
        "Earnings by job",
        answer=IncomeJobsAnswer,
        refusals=(422,),
        parameters=(*CHOSEN, AFTER),
    )
    def get(self, request: Request, currency: str) -> Response:
        """Every charge, and all that was taken back of one, newest first, with its job and site."""
        choice, after = self.find(currency), read_place(request.query_params.get("after", ""))
        rows, more = cut(movements.list_lines(choice=choice, limit=PAGE + 1, after=after))
        following = f"{rows[-1].entry_id}-{rows[-1].usage_id}" if more else None
        return Response(IncomeJobsAnswer(self.answer(choice, rows, following)).data)


class IncomeFile(IncomeView):
    """All of it."""

    others = (BY,)

    @describe(
        "earnings_csv",
        "Earnings as CSV",
        answer={(200, "text/csv"): OpenApiTypes.STR},
        refusals=(422,),
        parameters=(*CHOSEN, BY),
    )
    def get(self, request: Request, currency: str) -> StreamingHttpResponse:
        """Download every line, however many there are."""
        by = request.query_params.get("by", "jobs")
        if by not in files.COLUMNS:
            raise Invalid(f"Files are by {', '.join(files.COLUMNS)}.", parameter="by")
        return files.answer_csv(choice=self.find(currency), by=by)


def cut[Row](rows: list[Row]) -> tuple[list[Row], bool]:
    """A page of what was asked for one more than a page, and whether there is more."""
    return rows[:PAGE], len(rows) > PAGE


def read_uid(text: str, *, name: str) -> UUID | None:
    """
    A uid, or nothing.

    :raises core.errors.Invalid: for anything else
    """
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Invalid("This is no uid.", parameter=name) from error


def read_day(text: str) -> date | None:
    """
    Where a page of days goes on.

    :raises core.errors.Invalid: for what no page ended with
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid("This is no cursor.", parameter="after") from error


def read_number(text: str) -> int:
    """
    Where a page of sites goes on.

    :raises core.errors.Invalid: for what no page ended with
    """
    if text and not re.fullmatch("[0-9]{1,18}", text, re.ASCII):
        raise Invalid("This is no cursor.", parameter="after")
    return int(text) if text else -1


def read_place(text: str) -> tuple[int, int]:
    """
    Where a page of single movements goes on.

    :raises core.errors.Invalid: for what no page ended with
    """
    if not text:
        return movements.NOWHERE
    if not re.fullmatch("[0-9]{1,18}-[0-9]{1,18}", text, re.ASCII):
        raise Invalid("This is no cursor.", parameter="after")
    entry, usage = text.split("-")
    return int(entry), int(usage)
