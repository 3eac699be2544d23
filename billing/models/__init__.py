"""
Tables of money, as the application may read them.

All of them are made by SQL files (`billing/sql/`) and written only through the functions there: the
application's database role has no right to insert into or update any of them.
"""

from billing.models.approval import Approval
from billing.models.bank import BankAccount, BankFile, BankLine, BankStatement
from billing.models.charge import (
    Charge,
    ChargeConversion,
    ChargeEntry,
    ChargeQuarantine,
    GiveBack,
    GiveBackConversion,
    QueuedCharge,
)
from billing.models.compliance import (
    ComplianceDocument,
    ComplianceStep,
    Freeze,
    SanctionsList,
    SanctionsName,
    Screening,
    TaxNumber,
)
from billing.models.connect import ConnectAccount, ConnectTransfer
from billing.models.entity import BookingEntity, OrganizationEntity
from billing.models.free_start import FreeStart, FreeStartMark, StripeCard
from billing.models.fx import (
    FxConversion,
    FxLeg,
    FxLimit,
    FxPosition,
    FxQuote,
    FxRate,
    FxRevaluation,
    FxSpread,
    FxStandingQuote,
    SwapLine,
    SwapMovement,
)
from billing.models.heat import HeatCharge
from billing.models.hold import Hold, Scope, SpendingLimit
from billing.models.invoice import (
    BillingProfile,
    Invoice,
    InvoiceTax,
    SelfBillingAgreement,
    SellerProfile,
    TaxRule,
)
from billing.models.ledger import Currency, Entry, LedgerAccount, NumberedEntry, Posting
from billing.models.payout_method import PayoutMethod
from billing.models.period import AccountingPeriod
from billing.models.rails import (
    ChainAddress,
    ChainCursor,
    ChainDeposit,
    PayerAccount,
    RailAnswer,
    RailFile,
    RailFilePayout,
)
from billing.models.reconciliation import ReconciliationLine, ReconciliationNote, ReconciliationRun
from billing.models.settlement import (
    Payout,
    PayoutSchedule,
    PayoutStep,
    PayoutTerm,
    SettlementBatch,
    SettlementItem,
    SettlementLine,
)
from billing.models.stripe import (
    StripeBalanceTransaction,
    StripeCursor,
    StripeCustomer,
    StripeDispute,
    StripeEvent,
    StripeRecharge,
    StripeRefund,
    StripeTerms,
    StripeTopUp,
    TopUpMethod,
)

__all__ = [
    "AccountingPeriod",
    "Approval",
    "BankAccount",
    "BankFile",
    "BankLine",
    "BankStatement",
    "BillingProfile",
    "BookingEntity",
    "ChainAddress",
    "ChainCursor",
    "ChainDeposit",
    "Charge",
    "ChargeConversion",
    "ChargeEntry",
    "ChargeQuarantine",
    "ComplianceDocument",
    "ComplianceStep",
    "ConnectAccount",
    "ConnectTransfer",
    "Currency",
    "Entry",
    "FreeStart",
    "FreeStartMark",
    "Freeze",
    "FxConversion",
    "FxLeg",
    "FxLimit",
    "FxPosition",
    "FxQuote",
    "FxRate",
    "FxRevaluation",
    "FxSpread",
    "FxStandingQuote",
    "GiveBack",
    "GiveBackConversion",
    "HeatCharge",
    "Hold",
    "Invoice",
    "InvoiceTax",
    "LedgerAccount",
    "NumberedEntry",
    "OrganizationEntity",
    "PayerAccount",
    "Payout",
    "PayoutMethod",
    "PayoutSchedule",
    "PayoutStep",
    "PayoutTerm",
    "Posting",
    "QueuedCharge",
    "RailAnswer",
    "RailFile",
    "RailFilePayout",
    "ReconciliationLine",
    "ReconciliationNote",
    "ReconciliationRun",
    "SanctionsList",
    "SanctionsName",
    "Scope",
    "Screening",
    "SelfBillingAgreement",
    "SellerProfile",
    "SettlementBatch",
    "SettlementItem",
    "SettlementLine",
    "SpendingLimit",
    "StripeBalanceTransaction",
    "StripeCard",
    "StripeCursor",
    "StripeCustomer",
    "StripeDispute",
    "StripeEvent",
    "StripeRecharge",
    "StripeRefund",
    "StripeTerms",
    "StripeTopUp",
    "SwapLine",
    "SwapMovement",
    "TaxNumber",
    "TaxRule",
    "TopUpMethod",
]
