"""Tables of work. Nodes and endpoints are Django's; the rest is made, and mostly written, by SQL."""

from workers.models.attempt import (
    Attempt,
    MeterFlag,
    NodeEvent,
    Receipt,
    ReceiptComparison,
    UsageEnergy,
    UsageRecord,
)
from workers.models.claim import AnswerClaim, ClaimEvidence
from workers.models.dealing import ArmsLengthDealing, Dealing
from workers.models.enrolment import Enrolment, NodeToken
from workers.models.flag import FlagResolution
from workers.models.node import Endpoint, Node
from workers.models.site_day import SiteDay
from workers.models.upstream import DirectUpstream

__all__ = [
    "AnswerClaim",
    "ArmsLengthDealing",
    "Attempt",
    "ClaimEvidence",
    "Dealing",
    "DirectUpstream",
    "Endpoint",
    "Enrolment",
    "FlagResolution",
    "MeterFlag",
    "Node",
    "NodeEvent",
    "NodeToken",
    "Receipt",
    "ReceiptComparison",
    "SiteDay",
    "UsageEnergy",
    "UsageRecord",
]
