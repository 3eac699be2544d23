"""
What a bank answers to a file of payments: pain.002.001.12.

A bank may speak of the whole file, of its one block, or of each payment; the narrower word counts. That the
money has left is for its statement to say (camt.053), never for this answer.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from pyiso20022.pain.pain_002_001_12 import pain_002_001_12 as pain
from xsdata.models.datatype import XmlDateTime

from billing.rails import schemas
from billing.rails.protocol import News, Step, Unreadable, find_payout_uid, name_payout

REFUSED = frozenset({"RJCT", "CANC", "BLCK"})
TAKEN = frozenset({"ACCP", "ACTC", "ACSP", "ACSC", "ACWC", "ACCC", "ACFC", "ACWP"})
"""Of ISO 20022's external codes for the status of a payment; others (RCVD, PDNG, PART) decide nothing."""
type Word = tuple[Step, str]


def read(answer: bytes, *, message: str, payouts: Sequence[UUID]) -> list[News]:
    """
    What the bank says of each payout in the file `message`; those it has not decided are left out.

    :raises billing.rails.protocol.Unreadable: if it is no answer, answers another file, or names payments
        that are not in it
    """
    report = schemas.read_answer(answer).cstmr_pmt_sts_rpt
    whole = report.orgnl_grp_inf_and_sts
    if whole.orgnl_msg_id != message:
        raise Unreadable(f"This answers the file {whole.orgnl_msg_id}, not {message}.")
    said: dict[UUID, Word] = {}
    _say(said, payouts, whole.grp_sts, whole.sts_rsn_inf)
    for block in report.orgnl_pmt_inf_and_sts:
        _say(said, payouts, block.pmt_inf_sts, block.sts_rsn_inf)
    for block in report.orgnl_pmt_inf_and_sts:
        for payment in block.tx_inf_and_sts:
            uid = find_payout_uid(payment.orgnl_end_to_end_id or payment.orgnl_instr_id or "")
            if uid is None or uid not in payouts:
                raise Unreadable(f"The payment {payment.orgnl_end_to_end_id} is not in {message}.")
            _say(said, [uid], payment.tx_sts, payment.sts_rsn_inf)
    happened_at = _read_moment(report.grp_hdr.cre_dt_tm)
    return [
        News(uid, step, name_payout(uid), reason, happened_at)
        for uid, (step, reason) in sorted(said.items(), key=lambda one: one[0])
    ]


def _say(
    said: dict[UUID, Word],
    payouts: Iterable[UUID],
    status: str | None,
    reasons: Sequence[pain.StatusReasonInformation12],
) -> None:
    if status in REFUSED:
        said.update(dict.fromkeys(payouts, (Step.REFUSED, _explain(status, reasons))))
    elif status in TAKEN:
        said.update(dict.fromkeys(payouts, (Step.ACCEPTED, "")))


def _explain(status: str, reasons: Sequence[pain.StatusReasonInformation12]) -> str:
    """The bank's codes and words: "RJCT AC01: account unknown"."""
    words = [status]
    for reason in reasons:
        code = (reason.rsn.cd or reason.rsn.prtry or "") if reason.rsn else ""
        text = " ".join(reason.addtl_inf)
        words.append(f"{code}: {text}" if code and text else code or text)
    return " ".join(word for word in words if word)


def _read_moment(moment: XmlDateTime) -> datetime:
    """A bank that names no zone means UTC, as far as anybody can tell."""
    read = moment.to_datetime()
    return read if read.tzinfo else read.replace(tzinfo=UTC)
