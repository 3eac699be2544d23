"""The transaction that carried a batch of USDC, named by operators' programs."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from accounts import access
from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from billing.api.payout_files import CHANGE, RailAnswerReadAnswer
from billing.models import RailFile
from billing.rails import answers
from billing.rails.chain import batches, reader


class PayoutTransactionRequest(serializers.Serializer[Any]):
    """What the signers sent."""

    transaction = serializers.RegexField(batches.HASH, help_text="Its hash: 0x and 64 digits.")


class PayoutFileTransaction(OperatorView):
    """What carried a batch."""

    rights = {"POST": CHANGE}

    @describe(
        "operator_payout_files_transaction",
        "Name the transaction of a batch of USDC",
        request=PayoutTransactionRequest,
        answer=RailAnswerReadAnswer,
        status=201,
        refusals=(403, 404, 409, 502),
        organization=False,
    )
    def post(self, request: Request, uid: UUID) -> HttpResponse:
        """
        Read its receipt from the chain, and note the payouts as paid.

        It has to have made exactly the batch's transfers and to lie deep enough; it pays one batch only,
        and the same one once more changes nothing.
        """
        tx_hash = self.read(PayoutTransactionRequest)["transaction"].lower()
        file = access.get_or_refuse(RailFile.objects.all(), uid=uid)
        # The chain is asked before anything is locked.
        receipt = batches.read_receipt(
            file=file,
            tx_hash=tx_hash,
            reader=reader.make_reader(),
            confirmations=settings.CHAIN_CONFIRMATIONS,
        )

        def act() -> dict[str, Any]:
            news = answers.confirm_transaction(
                file=file, receipt=receipt, transaction_hash=tx_hash, actor=self.actor(), now=timezone.now()
            )
            return dict(RailAnswerReadAnswer({"news": news}).data)

        return self.create(act)
