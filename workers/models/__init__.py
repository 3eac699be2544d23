"""Tables of work. Nodes and endpoints are Django's; the rest is made, and mostly written, by SQL."""

from workers.models.attempt import Attempt, MeterFlag, NodeEvent, Receipt, ReceiptComparison, UsageRecord
from workers.models.node import Endpoint, Node

__all__ = [
    "Attempt",
    "Endpoint",
    "MeterFlag",
    "Node",
    "NodeEvent",
    "Receipt",
    "ReceiptComparison",
    "UsageRecord",
]
