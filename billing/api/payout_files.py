"""For operators: files that tell banks, signers or people what to pay, and USDC that waits for its owner."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.api.fields import AmountField
from accounts.api.filters import Choice, Filters, Since, Until, Word
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing.api.approvals import ApprovalAnswer
from billing.api.serializers import CURRENCY
from billing.models import Approval, ChainDeposit, RailFile
from billing.rails import answers, files, registry
from billing.rails.chain import assignment
from core.errors import Invalid

VIEW, CHANGE, ASSIGN = "billing.view_railfile", "billing.change_railfile", "billing.change_chaindeposit"
FILES = RailFile.objects.defer("content")


class PayoutFileRequest(serializers.Serializer[Any]):
    """What to make a file of: everything that waits for a rail in a currency."""

    rail = serializers.ChoiceField(choices=sorted(registry.RAILS))
    currency = serializers.RegexField(CURRENCY)


class PayoutFileVoidRequest(serializers.Serializer[Any]):
    """Why a file is thrown away."""

    note = serializers.CharField(max_length=files.NOTE_LENGTH_MAX)


class DepositAssignmentRequest(serializers.Serializer[Any]):
    """Whose a deposit is."""

    organization = serializers.UUIDField()
    reason = serializers.CharField(max_length=assignment.REASON_LENGTH_MAX)


class PayoutFileAnswer(serializers.Serializer[Any]):
    """A file of payouts of one rail and currency."""

    uid = serializers.UUIDField()
    rail = serializers.CharField()
    currency = serializers.CharField()
    name = serializers.CharField()
    media_type = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of the file as it is downloaded.")
    payments = serializers.IntegerField()
    total = AmountField()
    state = serializers.ChoiceField(choices=RailFile.State.choices)
    made_by = serializers.UUIDField()
    made_at = serializers.DateTimeField()
    sent_by = serializers.UUIDField(allow_null=True, help_text="Who noted that it was handed over.")
    sent_at = serializers.DateTimeField(allow_null=True)
    voided_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()
    approval = serializers.SerializerMethodField()

    def get_approval(self, file: RailFile) -> str | None:
        """The uid of what a second person approves, or has approved; null of a file that is void."""
        asked = Approval.objects.filter(kind=files.KIND, subject=str(file.uid))
        found = asked.filter(state__in=("PENDING", "APPROVED")).values_list("uid", flat=True).first()
        return str(found) if found else None


class PayoutsLeftOutAnswer(serializers.Serializer[Any]):
    """A payout that is not in the file."""

    payout = serializers.UUIDField()
    reason = serializers.CharField()


class PayoutFileMadeAnswer(serializers.Serializer[Any]):
    """The file, and what was left out of it."""

    file = PayoutFileAnswer()
    left_out = PayoutsLeftOutAnswer(many=True)


class PayoutsWaitingAnswer(serializers.Serializer[Any]):
    """Payouts that no file has yet, of one rail and currency."""

    rail = serializers.CharField()
    currency = serializers.CharField()
    payments = serializers.IntegerField()
    total = AmountField()


class AllPayoutsWaitingAnswer(serializers.Serializer[Any]):
    """By rail and currency."""

    results = PayoutsWaitingAnswer(many=True)


class RailNewsAnswer(serializers.Serializer[Any]):
    """What the rail said of one payout."""

    payout = serializers.UUIDField(source="payout_uid")
    step = serializers.CharField(source="step.name", help_text="ACCEPTED, PAID or REFUSED.")
    reason = serializers.CharField()
    followed = serializers.BooleanField(
        source="is_followed", help_text="False: waits until another person has handed in the same."
    )


class RailAnswerReadAnswer(serializers.Serializer[Any]):
    """What was read in an answer, and followed."""

    news = RailNewsAnswer(many=True)


class OperatedDepositAnswer(serializers.Serializer[Any]):
    """USDC that arrived; without an organization it waits in suspense."""

    id = serializers.IntegerField()
    transaction = serializers.CharField(source="tx_hash")
    log = serializers.IntegerField(source="log_index")
    sender = serializers.CharField()
    recipient = serializers.CharField()
    amount = AmountField()
    state = serializers.ChoiceField(choices=ChainDeposit.State.choices)
    organization = serializers.UUIDField(source="organization.uid", allow_null=True, default=None)
    entry = serializers.IntegerField(source="entry_id", allow_null=True)
    assigned_entry = serializers.IntegerField(source="assigned_entry_id", allow_null=True)
    seen_at = serializers.DateTimeField()
    credited_at = serializers.DateTimeField(allow_null=True)
    assigned_at = serializers.DateTimeField(allow_null=True)


class PayoutFileFilters(Filters):
    """What files can be narrowed by."""

    state = Choice(RailFile.State.values)
    rail = Word()
    currency = Word()
    since = Since("made_at")
    until = Until("made_at")


class OperatedDepositFilters(Filters):
    """What deposits can be narrowed by."""

    state = Choice(ChainDeposit.State.values)
    sender = Word()
    recipient = Word()
    since = Since("seen_at")
    until = Until("seen_at")


class AnswerFile(BaseParser):
    """A body that is the rail's answer, whatever its type."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        """As much of it as an answer may have, and one byte more, as `content`."""
        return {"content": stream.read(files.ANSWER_BYTES_MAX + 1)}


class PayoutFileList(OperatorView):
    """Files that tell somebody what to pay."""

    rights = {"GET": VIEW, "POST": CHANGE}

    @describe(
        "operator_payout_files_list",
        "Payout files",
        answer=PayoutFileAnswer,
        paged=True,
        filters=PayoutFileFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.show_page(FILES.all(), PayoutFileAnswer, filters=PayoutFileFilters)

    @describe(
        "operator_payout_files_create",
        "Make a payout file",
        request=PayoutFileRequest,
        answer=PayoutFileMadeAnswer,
        status=201,
        refusals=(403, 409),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Make a file of what waits for a rail; another operator approves it before it is handed over."""
        wanted = self.read(PayoutFileRequest)

        def make() -> dict[str, Any]:
            made = files.make_file(**wanted, actor=self.actor(), now=timezone.now())
            left_out = [{"payout": payout.uid, "reason": reason} for payout, reason in made.left_out]
            return dict(PayoutFileMadeAnswer({"file": made.file, "left_out": left_out}).data)

        return self.create(make)


class WaitingList(OperatorView):
    """What waits for files."""

    rights = {"GET": VIEW}

    @describe(
        "operator_payout_files_waiting",
        "Payouts that wait for files",
        answer=AllPayoutsWaitingAnswer,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """Count it by rail and currency."""
        return Response(AllPayoutsWaitingAnswer({"results": files.list_waiting()}).data)


class PayoutFileDetail(OperatorView):
    """One file."""

    rights = {"GET": VIEW}

    @describe(
        "operator_payout_files_read",
        "A payout file",
        answer=PayoutFileAnswer,
        refusals=(403, 404),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Read what it is and how far it has come; what it says is downloaded apart."""
        return Response(PayoutFileAnswer(access.get_or_refuse(FILES, uid=uid)).data)


class PayoutFileContent(OperatorView):
    """What a file says."""

    rights = {"GET": CHANGE}

    @describe(
        "operator_payout_files_download",
        "Download a payout file",
        answer={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        refusals=(403, 404, 409),
        organization=False,
    )
    def get(self, request: Request, uid: UUID) -> HttpResponse:
        """Take it as it was made, once it was handed over; that you did is noted."""
        file = access.get_or_refuse(RailFile.objects.all(), uid=uid)
        return answer_file(file, files.open_content(file=file, actor=self.actor(), now=timezone.now()))


class PayoutFileHandOver(OperatorView):
    """The handing over of a file."""

    rights = {"POST": CHANGE}

    @describe(
        "operator_payout_files_hand_over",
        "Note that a payout file was handed over",
        answer=PayoutFileAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Note it, once somebody else approved the file; its payouts are sent from now on."""
        file = access.get_or_refuse(RailFile.objects.all(), uid=uid)
        return Response(
            PayoutFileAnswer(files.hand_over(file=file, actor=self.actor(), now=timezone.now())).data
        )


class PayoutFileVoid(OperatorView):
    """The end of a file that was not handed over."""

    rights = {"POST": CHANGE}

    @describe(
        "operator_payout_files_void",
        "Throw a payout file away",
        request=PayoutFileVoidRequest,
        answer=PayoutFileAnswer,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Throw it away before it was handed over; its payouts wait again."""
        wanted, file = self.read(PayoutFileVoidRequest), access.get_or_refuse(RailFile.objects.all(), uid=uid)
        ended = files.void_file(file=file, note=wanted["note"], actor=self.actor(), now=timezone.now())
        return Response(PayoutFileAnswer(ended).data)


class PayoutFileAnswers(OperatorView):
    """What came back for a file."""

    parser_classes = (AnswerFile,)
    rights = {"POST": CHANGE}

    @describe(
        "operator_payout_files_answer",
        "Hand in the rail's answer to a payout file",
        request={"application/octet-stream": OpenApiTypes.BINARY},
        answer=RailAnswerReadAnswer,
        refusals=(403, 404, 409, 413),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """
        Send the pain.002 (or what else the rail answers) as the body: it is stored, then followed.

        What it refuses is owed again once another person has handed in the same. Once more changes nothing.
        """
        file = access.get_or_refuse(RailFile.objects.all(), uid=uid)
        content: bytes = dict(request.data).get("content", b"")
        if not 0 < len(content) <= files.ANSWER_BYTES_MAX:
            raise Invalid(f"An answer has 1 to {files.ANSWER_BYTES_MAX} bytes.")
        news = answers.take_answer(file=file, content=content, actor=self.actor(), now=timezone.now())
        return Response(RailAnswerReadAnswer({"news": news}).data)


class OperatedDepositList(OperatorView):
    """USDC that arrived, whoever it is for."""

    rights = {"GET": "billing.view_chaindeposit"}

    @describe(
        "operator_deposits_list",
        "Deposits of USDC of everybody",
        answer=OperatedDepositAnswer,
        paged=True,
        filters=OperatedDepositFilters,
        refusals=(403,),
        organization=False,
    )
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        rows = ChainDeposit.objects.select_related("organization")
        return self.show_page(rows, OperatedDepositAnswer, filters=OperatedDepositFilters)


class DepositAssignment(OperatorView):
    """Whose a deposit in suspense is said to be."""

    rights = {"POST": ASSIGN}

    @describe(
        "operator_deposits_assign",
        "Say whose a deposit is",
        request=DepositAssignmentRequest,
        answer=ApprovalAnswer,
        status=201,
        refusals=(403, 404, 409),
        organization=False,
    )
    def post(self, request: Request, deposit: int) -> HttpResponse:
        """Say it; the money moves to the wallet once somebody else has approved it."""
        wanted, found = self.read(DepositAssignmentRequest), assignment.find_deposit(number=deposit)

        def act() -> dict[str, Any]:
            asked = assignment.prepare(
                deposit=found,
                organization_uid=wanted["organization"],
                reason=wanted["reason"],
                actor=self.actor(),
                now=timezone.now(),
            )
            return dict(ApprovalAnswer(asked).data)

        return self.create(act)


def answer_file(file: RailFile, content: bytes) -> HttpResponse:
    """A file as a download, with its hash."""
    answer = HttpResponse(content, content_type=file.media_type)
    answer["Content-Disposition"] = f'attachment; filename="{file.name}"'
    answer["X-Content-SHA256"] = file.sha256
    return answer
