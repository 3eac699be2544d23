"""What keys, wallets and earnings look like outside."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import AmountField
from accounts.models import KeyMode

CURRENCY = r"^[A-Z]{3,5}$"


class LimitRequest(serializers.Serializer[Any]):
    """A ceiling for all that a key ever spends."""

    amount = AmountField()
    currency = serializers.RegexField(CURRENCY)


class LimitAnswer(serializers.Serializer[Any]):
    """A key's limit as it stands; `available` is what may still be held."""

    amount = AmountField(source="ceiling.amount")
    spent = AmountField(source="spent.amount")
    held = AmountField(source="held.amount")
    available = AmountField(source="available.amount")
    currency = serializers.CharField(source="ceiling.currency")


class KeyRequest(serializers.Serializer[Any]):
    """A new key."""

    name = serializers.CharField(max_length=200)
    mode = serializers.ChoiceField(choices=KeyMode.choices, default=KeyMode.LIVE)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    limit = LimitRequest(required=False, allow_null=True, default=None)


class KeyAnswer(serializers.Serializer[Any]):
    """A key without its text."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    mode = serializers.ChoiceField(choices=KeyMode.choices)
    last4 = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    limit = serializers.SerializerMethodField(help_text="Null: only the wallet limits it.")

    @extend_schema_field(LimitAnswer(allow_null=True))
    def get_limit(self, row: Any) -> dict[str, Any] | None:
        """The key's limit."""
        limit = self.context["limits"].get(row.spend_scope_id)
        return dict(LimitAnswer(limit).data) if limit else None


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
