"""Papers of checks: handed in and read by the organization, read by operators with the right to it."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.files import FILE, NAMED, FileView, describe_answer
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing.compliance import documents, tax_numbers
from billing.models import ComplianceDocument, TaxNumber
from core.file_answers import answer_file

FILES = describe_answer(documents.BOUNDS)


class PaperAnswer(serializers.Serializer[Any]):
    """A paper that was handed in; `sha256` and `size` are of it as it was."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=list(documents.BOUNDS.kinds), help_text="By its content.")
    size = serializers.IntegerField(help_text="In bytes.")
    sha256 = serializers.CharField()
    added_at = serializers.DateTimeField()


class TaxNumberAnswer(serializers.Serializer[Any]):
    """A tax number in full."""

    uid = serializers.UUIDField()
    organization = serializers.UUIDField()
    number = serializers.CharField()


class PaperList(FileView):
    """The organization's papers."""

    needs = {"GET": Permission.MANAGE_MONEY, "POST": Permission.MANAGE_MONEY}

    @describe("compliance_documents_list", "Papers that I handed in", answer=PaperAnswer, paged=True)
    def get(self, request: Request) -> Response:
        """List them, newest first; what is in them has an address of its own."""
        rows = documents.list_documents(organization=self.caller().organization)
        return self.show_page(rows, PaperAnswer)

    @describe(
        "compliance_documents_add",
        "Hand in a paper",
        request=FILE,
        answer=PaperAnswer,
        status=201,
        refusals=(409,),
        parameters=(NAMED,),
    )
    def post(self, request: Request) -> HttpResponse:
        """
        Send the file as the body: PDF, PNG or JPEG, at most 5 MB. Then name it in a check.

        It is kept encrypted. One that was handed in before is answered as it is.
        """
        file, caller = self.read_file(documents.BOUNDS), self.caller()

        def act() -> dict[str, Any]:
            made = documents.add(
                organization=caller.organization, file=file, actor=caller.actor, now=timezone.now()
            )
            return dict(PaperAnswer(made).data)

        return self.create(act)


class Paper(OrganizationView):
    """A paper of the organization."""

    needs = {"GET": Permission.MANAGE_MONEY}

    @describe("compliance_documents_read", "A paper that I handed in", answer=FILES, refusals=(404,))
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """Download it as it was; who reads it is on record."""
        caller = self.caller()
        [found] = documents.find(organization=caller.organization, uids=[uid])
        return answer_file(documents.read(document=found, actor=caller.actor, now=timezone.now()))


class OperatorPaper(OperatorView):
    """A paper of any organization."""

    rights = {"GET": "billing.view_compliancedocument"}

    @describe(
        "operator_checks_read_document",
        "A paper of a check",
        answer=FILES,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """Download it as it was; who reads it is on record."""
        found = access.get_or_refuse(ComplianceDocument.objects.all(), uid=uid)
        return answer_file(documents.read(document=found, actor=self.actor(), now=timezone.now()))


class OperatorTaxNumber(OperatorView):
    """A tax number of any organization."""

    rights = {"GET": "billing.view_taxnumber"}

    @describe(
        "operator_checks_read_tax_number",
        "A tax number of a check",
        answer=TaxNumberAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Read it in full; who reads it is on record."""
        found = access.get_or_refuse(TaxNumber.objects.select_related("organization"), uid=uid)
        number = tax_numbers.read(number=found, actor=self.actor(), now=timezone.now())
        body = {"uid": found.uid, "organization": found.organization.uid, "number": number}
        return Response(TaxNumberAnswer(body).data)
