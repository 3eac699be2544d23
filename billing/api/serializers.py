"""What keys, wallets, accounts and earnings look like outside."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import AmountField, RateField
from accounts.models import KeyMode
from billing.limits import Period
from billing.models import ChargeQuarantine
from core.quantities import format_plain

CURRENCY = r"^[A-Z]{3,5}$"


class LimitRequest(serializers.Serializer[Any]):
    """A ceiling for what a key spends in each period, or ever."""

    amount = AmountField()
    currency = serializers.RegexField(CURRENCY)
    period = serializers.ChoiceField(
        choices=Period.choices, default=Period.LIFETIME, help_text="In UTC; weeks begin on Monday."
    )


class LimitAnswer(serializers.Serializer[Any]):
    """A limit as it stands in the running period; `available` is what may still be held."""

    uid = serializers.UUIDField()
    period = serializers.ChoiceField(choices=Period.choices)
    amount = AmountField(source="ceiling.amount")
    spent = AmountField(source="spent.amount")
    held = AmountField(source="held.amount")
    available = AmountField(source="available.amount")
    currency = serializers.CharField()
    starts_at = serializers.DateTimeField(allow_null=True, help_text="When the period began; null: never.")
    resets_at = serializers.DateTimeField(allow_null=True, help_text="When the next one begins; null: never.")


class RateRequest(serializers.Serializer[Any]):
    """How much a key may ask for. Null leaves it to what its organization is allowed."""

    requests_per_minute = RateField(help_text="Requests that begin in a minute.")
    tokens_per_minute = RateField(help_text="Tokens read and written in a minute.")
    concurrent_requests = RateField(help_text="Requests that run at once.")


class RateAnswer(serializers.Serializer[Any]):
    """How much a key may ask for; null: as much as its organization is allowed."""

    requests_per_minute = serializers.IntegerField(allow_null=True)
    tokens_per_minute = serializers.IntegerField(allow_null=True)
    concurrent_requests = serializers.IntegerField(allow_null=True)


class KeyRequest(serializers.Serializer[Any]):
    """A new key."""

    name = serializers.CharField(max_length=200)
    mode = serializers.ChoiceField(choices=KeyMode.choices, default=KeyMode.LIVE)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    limit = LimitRequest(required=False, allow_null=True, default=None)
    rate = RateRequest(required=False, allow_null=True, default=None)
    project = serializers.UUIDField(required=False, allow_null=True, default=None)


class KeyChange(serializers.Serializer[Any]):
    """Another name."""

    name = serializers.CharField(max_length=200)


class KeyAnswer(serializers.Serializer[Any]):
    """A key without its text."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    mode = serializers.ChoiceField(choices=KeyMode.choices)
    last4 = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    project = serializers.UUIDField(source="project.uid", allow_null=True, default=None)
    limit = serializers.SerializerMethodField(
        help_text="The one for its lifetime, or else its first; or null."
    )
    limits = serializers.SerializerMethodField(help_text="All of them, the oldest first.")
    rate = RateAnswer(source="*")

    @extend_schema_field(LimitAnswer(allow_null=True))
    def get_limit(self, row: Any) -> dict[str, Any] | None:
        """The limit of most keys that have one."""
        found = self.context["limits"].get(row.pk, [])
        limit = next((one for one in found if one.period == Period.LIFETIME), next(iter(found), None))
        return dict(LimitAnswer(limit).data) if limit else None

    @extend_schema_field(LimitAnswer(many=True))
    def get_limits(self, row: Any) -> list[dict[str, Any]]:
        """Every limit of the key itself."""
        return [dict(LimitAnswer(one).data) for one in self.context["limits"].get(row.pk, [])]


class NewKeyAnswer(KeyAnswer):
    """A new key: its text is shown this once."""

    secret = serializers.CharField(allow_null=True, help_text="Null in a repeat.", read_only=True)


class WalletAnswer(serializers.Serializer[Any]):
    """A wallet: what is posted, what of it is held for running work, what is free."""

    currency = serializers.CharField()
    posted = AmountField(source="posted.amount")
    held = AmountField(source="held.amount")
    available = AmountField(source="available.amount", minimum=None)


class WalletsAnswer(serializers.Serializer[Any]):
    """Every wallet of an organization, oldest first."""

    results = WalletAnswer(many=True)


class EarningAnswer(serializers.Serializer[Any]):
    """What a provider has earned in a currency and was not paid yet."""

    currency = serializers.CharField()
    payable = AmountField(minimum=None)


class EarningsAnswer(serializers.Serializer[Any]):
    """Earnings in every currency."""

    results = EarningAnswer(many=True)


class AccountAnswer(serializers.Serializer[Any]):
    """An account of the ledger that the organization owns, with its balance in its usual sense."""

    purpose = serializers.CharField(help_text="WALLET, PAYABLE or HELD_EARNINGS.")
    currency = serializers.CharField()
    balance = AmountField(minimum=None)
    created_at = serializers.DateTimeField()


class AccountsAnswer(serializers.Serializer[Any]):
    """Every account of an organization, oldest first."""

    results = AccountAnswer(many=True)


class MovementAnswer(serializers.Serializer[Any]):
    """What one entry moved on an account: positive where its balance grew."""

    entry = serializers.IntegerField(source="entry_id")
    number = serializers.IntegerField(
        source="entry__number__seq",
        allow_null=True,
        help_text="Gap-free, in the order of the ledger; null for a moment after the entry was made.",
    )
    kind = serializers.CharField(source="entry__kind")
    happened_at = serializers.DateTimeField(source="entry__happened_at")
    recorded_at = serializers.DateTimeField(source="entry__recorded_at")
    amount = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()

    @extend_schema_field(AmountField(minimum=None))
    def get_amount(self, row: dict[str, Any]) -> str:
        """In the account's usual sense."""
        total: Decimal = row["total"]
        grew = total if self.context["account"].normal > 0 else total.copy_negate()
        return format_plain(grew)

    def get_currency(self, row: dict[str, Any]) -> str:
        """That of the account."""
        return str(self.context["account"].currency)


class QuarantinedChargeAnswer(serializers.Serializer[Any]):
    """A charge that the ledger refused, and why."""

    usage_id = serializers.IntegerField()
    error = serializers.CharField()
    quarantined_at = serializers.DateTimeField()
    amount = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()

    @extend_schema_field(AmountField())
    def get_amount(self, row: ChargeQuarantine) -> str:
        """What the buyer is to pay."""
        return format_plain(self.context["charges"][row.pk].amount)

    def get_currency(self, row: ChargeQuarantine) -> str:
        """That of the charge."""
        return str(self.context["charges"][row.pk].currency)


class RequeuedAnswer(serializers.Serializer[Any]):
    """A charge that waits to be posted again."""

    usage_id = serializers.IntegerField()


class BalanceLineAnswer(serializers.Serializer[Any]):
    """One account; one of the two columns is zero."""

    account = serializers.CharField()
    debit = serializers.CharField()
    credit = serializers.CharField()


class TrialBalanceAnswer(serializers.Serializer[Any]):
    """The accounts of one currency; nine places."""

    currency = serializers.CharField()
    accounts = BalanceLineAnswer(many=True)
    debit = serializers.CharField()
    credit = serializers.CharField()
    balances = serializers.BooleanField()


class TrialBalancesAnswer(serializers.Serializer[Any]):
    """One trial balance for each currency."""

    results = TrialBalanceAnswer(many=True)
