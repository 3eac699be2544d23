"""What jobs used, and what attempts earned."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.fields import AmountField, DecimalStringField
from accounts.api.filters import Choice, Filters, Since, Uid, Until, Word
from accounts.api.schema import describe
from marketplace.models import Job
from workers import usage
from workers.models import Attempt
from workers.usage import Work


class UsageRecordAnswer(serializers.Serializer[Any]):
    """What was metered and billed. Grams of the two accounts are never added up."""

    seq = serializers.IntegerField(source="usage.seq")
    input_tokens = serializers.IntegerField(source="usage.billed_in")
    cached_tokens = serializers.IntegerField(source="usage.billed_cached")
    output_tokens = serializers.IntegerField(source="usage.billed_out")
    count_method = serializers.CharField(source="usage.count_method")
    chip_seconds = DecimalStringField(places=6, source="usage.chip_seconds")
    joules = DecimalStringField(places=3, source="usage.joules", help_text="At the machine.")
    kwh = DecimalStringField(places=12, source="usage.kwh", help_text="At the grid's meter.")
    it_kwh = DecimalStringField(places=12, source="energy.it_kwh")
    cooling_kwh = DecimalStringField(places=12, source="energy.cooling_kwh")
    loss_kwh = DecimalStringField(places=12, source="energy.loss_kwh", help_text="Lost on the line.")
    heat_kwh = DecimalStringField(places=12, source="energy.heat_kwh", help_text="Delivered as heat.")
    gco2e = DecimalStringField(places=9, source="usage.gco2e", help_text="By the grid (location-based).")
    market_gco2e = DecimalStringField(
        places=9,
        source="energy.market_gco2e",
        allow_null=True,
        help_text="By what was contracted (market-based); null where nothing was.",
    )
    tier = serializers.CharField(source="usage.tier")
    attribution = serializers.CharField(source="usage.attribution")
    ended_how = serializers.CharField(source="usage.ended_how")
    recorded_at = serializers.DateTimeField(source="usage.recorded_at")
    posted = serializers.BooleanField(help_text="Whether the money has moved.")


class UsageAnswer(serializers.Serializer[Any]):
    """What a job used and cost: one record, or several for long work."""

    job = serializers.UUIDField(source="attempt.job.uid")
    model = serializers.CharField(source="attempt.job.model.slug")
    provider = serializers.CharField(source="attempt.offer.organization.name")
    site = serializers.UUIDField(source="attempt.offer.site.uid")
    card = serializers.UUIDField(source="attempt.card.uid")
    receipt = serializers.UUIDField(source="attempt.receipt_uid")
    started_at = serializers.DateTimeField(source="attempt.started_at")
    ended_at = serializers.DateTimeField(source="attempt.ended_at", allow_null=True)
    cost = AmountField()
    currency = serializers.CharField(source="wallet_currency", help_text="The wallet's.")
    records = UsageRecordAnswer(many=True)


class AttemptAnswer(serializers.Serializer[Any]):
    """A try of somebody's job on one of your offers; who the buyer is stays with the exchange."""

    uid = serializers.UUIDField(source="attempt.uid")
    job = serializers.UUIDField(source="attempt.job.uid")
    number = serializers.IntegerField(source="attempt.number")
    state = serializers.ChoiceField(source="attempt.state", choices=Attempt.State.choices)
    offer = serializers.UUIDField(source="attempt.offer.uid")
    model = serializers.CharField(source="attempt.offer.model.slug")
    node = serializers.UUIDField(source="attempt.node.uid")
    card = serializers.UUIDField(source="attempt.card.uid")
    receipt = serializers.UUIDField(source="attempt.receipt_uid")
    error_code = serializers.CharField(source="attempt.error_code", allow_null=True)
    started_at = serializers.DateTimeField(source="attempt.started_at")
    ended_at = serializers.DateTimeField(source="attempt.ended_at", allow_null=True)
    earned = AmountField(help_text="What you get for it.")
    currency = serializers.CharField()
    records = UsageRecordAnswer(many=True)


class UsageFilters(Filters):
    """What usage can be narrowed by."""

    model = Word(field_name="model__slug")
    kind = Choice(Job.Kind.values)
    since = Since("submitted_at", help_text="Of jobs submitted from this moment on.")
    until = Until("submitted_at", help_text="Of jobs submitted before this moment.")


class AttemptFilters(Filters):
    """What attempts can be narrowed by."""

    state = Choice(Attempt.State.values)
    offer = Uid(field_name="offer__uid")
    node = Uid(field_name="node__uid")
    since = Since("started_at")
    until = Until("started_at")


class UsageList(OrganizationView):
    """What an organization's jobs used."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("usage_list", "Usage of your jobs", answer=UsageAnswer, paged=True, filters=UsageFilters)
    def get(self, request: Request) -> Response:
        """List it by job, newest first; only jobs of which something was charged."""
        rows = usage.list_used_jobs(organization=self.caller().organization)
        return self.show_page(rows, UsageAnswer, filters=UsageFilters, convert=self.find)

    @staticmethod
    def find(page: list[Job]) -> list[Work]:
        """What the jobs of a page used."""
        works = usage.find_job_works(jobs=page)
        return [works[job.pk] for job in page]


class AttemptList(OrganizationView):
    """What ran on a provider's offers."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe(
        "attempts_list", "Attempts on your offers", answer=AttemptAnswer, paged=True, filters=AttemptFilters
    )
    def get(self, request: Request) -> Response:
        """List them, newest first, with what they earned."""
        rows = usage.list_attempts(organization=self.caller().organization)
        return self.show_page(rows, AttemptAnswer, filters=AttemptFilters, convert=self.find)

    @staticmethod
    def find(page: list[Attempt]) -> list[Work]:
        """The attempts of a page with what they used."""
        works = usage.find_works(attempts=page)
        return [works[attempt.pk] for attempt in page]


class AttemptDetail(OrganizationView):
    """One attempt."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("attempts_read", "An attempt", answer=AttemptAnswer)
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it."""
        attempt = usage.find_attempt(organization=self.caller().organization, uid=uid)
        return Response(AttemptAnswer(usage.find_works(attempts=[attempt])[attempt.pk]).data)
