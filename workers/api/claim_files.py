"""Files that both sides of a claim show, for them and for operators."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from accounts import access
from accounts.access import Permission
from accounts.api.base import OrganizationView
from accounts.api.files import FILE, NAMED, FileView, describe_answer
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from accounts.models import Organization
from core.file_answers import answer_file
from workers import claims
from workers.api.claims import ClaimFileAnswer
from workers.evidence import BOUNDS
from workers.models import AnswerClaim, ClaimEvidence

FILES = describe_answer(BOUNDS)


class _FileList(FileView):
    """Showing a file; `side` is whose claims those are."""

    needs = {"POST": Permission.MANAGE_MONEY}
    side: ClaimEvidence.Side

    def add(self, rows: QuerySet[AnswerClaim], uid: UUID) -> HttpResponse:
        """Show the file that was sent."""
        claim = access.get_or_refuse(rows, uid=uid)
        file = self.read_file(BOUNDS)

        def act() -> dict[str, Any]:
            [shown] = claims.add_files(
                claim=claim, side=self.side, files=[file], actor=self.caller().actor, now=timezone.now()
            )
            return dict(ClaimFileAnswer(shown).data)

        return self.create(act)

    def own(self) -> Organization:
        """Whose claims are looked at."""
        return self.caller().organization


class ClaimFileList(_FileList):
    """Files of a buyer's claim."""

    side = ClaimEvidence.Side.BUYER

    @describe(
        "claims_show_file",
        "Show a file for a claim",
        request=FILE,
        answer=ClaimFileAnswer,
        status=201,
        refusals=(404, 409),
        parameters=(NAMED,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Send the file as the body: text, JSON, PNG, JPEG or PDF, at most 2 MB, at most 5 of each side."""
        return self.add(claims.list_opened(organization=self.own()), uid)


class ReceivedClaimFileList(_FileList):
    """Files of a provider about a claim it received."""

    side = ClaimEvidence.Side.PROVIDER

    @describe(
        "claims_show_file_back",
        "Show a file about a claim on my answer",
        request=FILE,
        answer=ClaimFileAnswer,
        status=201,
        refusals=(404, 409),
        parameters=(NAMED,),
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """Send the file as the body: text, JSON, PNG, JPEG or PDF, at most 2 MB, at most 5 of each side."""
        return self.add(claims.list_received(organization=self.own()), uid)


class ClaimFile(OrganizationView):
    """A file of a buyer's claim."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("claims_read_file", "A file of a claim", answer=FILES, refusals=(404,))
    def get(self, request: Request, uid: UUID, file: UUID) -> HttpResponse:
        """Download it; it is what it was when it was shown."""
        rows = claims.list_opened(organization=self.caller().organization)
        return answer_file(claims.read_file(claim=access.get_or_refuse(rows, uid=uid), uid=file))


class ReceivedClaimFile(OrganizationView):
    """A file of a claim about the organization's answer."""

    needs = {"GET": Permission.VIEW_MONEY}

    @describe("claims_read_received_file", "A file of a claim on my answer", answer=FILES, refusals=(404,))
    def get(self, request: Request, uid: UUID, file: UUID) -> HttpResponse:
        """Download it; it is what it was when it was shown."""
        rows = claims.list_received(organization=self.caller().organization)
        return answer_file(claims.read_file(claim=access.get_or_refuse(rows, uid=uid), uid=file))


class OperatorClaimFile(OperatorView):
    """A file of a claim."""

    rights = {"GET": "workers.view_answerclaim"}

    @describe(
        "operator_claims_read_file",
        "A file of a claim",
        answer=FILES,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, uid: UUID, file: UUID) -> HttpResponse:
        """Download it; it is what it was when it was shown."""
        claim = access.get_or_refuse(claims.list_all(), uid=uid)
        return answer_file(claims.read_file(claim=claim, uid=file))
