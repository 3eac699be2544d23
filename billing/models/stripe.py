"""Money that comes in through Stripe: events, top-ups, refunds, disputes, and Stripe's account with us."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


def _amount() -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(max_digits=38, decimal_places=9)


def _entry() -> "models.OneToOneField[models.Model | None, models.Model | None]":
    return models.OneToOneField(
        "billing.Entry", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )


class TopUpMethod(models.TextChoices):
    """How somebody pays. A stablecoin arrives as US dollars."""

    CARD = "CARD", _("Card")
    ALIPAY = "ALIPAY", _("Alipay")
    WECHAT_PAY = "WECHAT_PAY", _("WeChat Pay")
    STABLECOIN = "STABLECOIN", _("Stablecoin (USDC)")


class StripeEvent(models.Model):
    """
    Something that Stripe told, stored before anything was done about it.

    `account` is the connected account it is about, or empty for our own.
    """

    class State(models.TextChoices):
        """LEFT: nobody here acts on its type."""

        NEW = "NEW"
        HANDLED = "HANDLED"
        LEFT = "LEFT"
        FAILED = "FAILED"

    id = models.BigAutoField(primary_key=True)
    event_id = models.TextField(unique=True)
    type = models.TextField()
    api_version = models.TextField()
    account = models.TextField()
    object_id = models.TextField()
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField()
    payload = models.JSONField()
    state = models.TextField(choices=State.choices, default=State.NEW)
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    error = models.TextField(default="")

    class Meta:
        db_table = "stripe_event"
        managed = False

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class StripeTerms(models.Model):
    """What may be paid in through Stripe in a currency; amounts are of that currency."""

    currency = models.TextField(primary_key=True)
    methods = ArrayField(models.TextField(choices=TopUpMethod.choices))
    least = _amount()
    most = _amount()
    day_most = _amount()
    new_day_most = _amount()
    reserve_bps = models.IntegerField()
    elevated_reserve_bps = models.IntegerField()
    reserve_days = models.IntegerField()

    class Meta:
        db_table = "stripe_terms"
        managed = False
        verbose_name_plural = "stripe terms"

    def __str__(self) -> str:
        return self.currency


class StripeCustomer(models.Model):
    """What an organization is called at Stripe."""

    organization = models.OneToOneField(
        "accounts.Organization",
        on_delete=models.PROTECT,
        related_name="+",
        primary_key=True,
        db_constraint=False,
    )
    customer_id = models.TextField(null=True, unique=True)
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "stripe_customer"
        managed = False

    def __str__(self) -> str:
        return self.customer_id or "unknown"


class StripeTopUp(models.Model):
    """
    One payment into a wallet: asked for, paid, failed or expired.

    What is paid names the entry that credited it. `reserved` of it came into the reserve instead of the
    wallet and is released at `reserve_ends_at`.
    """

    class Origin(models.TextChoices):
        """Who began it."""

        CHECKOUT = "CHECKOUT", _("paid by a person")
        RECHARGE = "RECHARGE", _("automatic")

    class State(models.TextChoices):
        """CREATED is known to us alone, OPEN to Stripe too."""

        CREATED = "CREATED"
        OPEN = "OPEN"
        PAID = "PAID"
        FAILED = "FAILED"
        EXPIRED = "EXPIRED"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    request_key = models.TextField(null=True)
    origin = models.TextField(choices=Origin.choices)
    method = models.TextField(choices=TopUpMethod.choices)
    currency = models.TextField()
    amount = _amount()
    saves_method = models.BooleanField(default=False)
    return_url = models.TextField(default="")
    actor = models.TextField()
    state = models.TextField(choices=State.choices, default=State.CREATED)
    created_at = models.DateTimeField()
    follow_at = models.DateTimeField(null=True)
    session_id = models.TextField(null=True, unique=True)
    page_url = models.TextField(default="")
    payment_intent_id = models.TextField(null=True, unique=True)
    charge_id = models.TextField(null=True, unique=True)
    risk_level = models.TextField(default="")
    risk_score = models.IntegerField(null=True)
    failure = models.TextField(default="")
    paid_at = models.DateTimeField(null=True)
    entry = _entry()
    reserved = models.DecimalField(max_digits=38, decimal_places=9, default=Decimal(0))
    reserve_ends_at = models.DateTimeField(null=True)
    release_entry = models.ForeignKey(
        "billing.Entry", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )

    class Meta:
        db_table = "stripe_top_up"
        managed = False

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency} {self.state}"


class StripeBalanceTransaction(models.Model):
    """A movement of our account at Stripe, as Stripe tells it; never changed, only found to be available."""

    id = models.TextField(primary_key=True)
    type = models.TextField()
    reporting_category = models.TextField()
    source = models.TextField()
    currency = models.TextField()
    amount = _amount()
    fee = _amount()
    net = _amount()
    exchange_rate = models.TextField()
    happened_at = models.DateTimeField()
    available_at = models.DateTimeField()
    mirrored_at = models.DateTimeField()
    raw = models.JSONField()
    entry = _entry()
    available_entry = _entry()

    class Meta:
        db_table = "stripe_balance_transaction"
        managed = False

    def __str__(self) -> str:
        return f"{self.reporting_category} {self.net.normalize():f} {self.currency}"


class StripeRefund(models.Model):
    """
    Unused money that goes back the way it came; the wallet was debited first.

    `uncovered` of it was spent before a person sent it back at Stripe: the organization owes it.
    """

    class State(models.TextChoices):
        """FAILED: the wallet has it again."""

        REQUESTED = "REQUESTED"
        SENT = "SENT"
        SUCCEEDED = "SUCCEEDED"
        FAILED = "FAILED"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    top_up = models.ForeignKey(
        StripeTopUp, on_delete=models.PROTECT, related_name="refunds", db_constraint=False
    )
    amount = _amount()
    uncovered = models.DecimalField(max_digits=38, decimal_places=9, default=Decimal(0))
    reason = models.TextField()
    actor = models.TextField()
    state = models.TextField(choices=State.choices, default=State.REQUESTED)
    requested_at = models.DateTimeField()
    follow_at = models.DateTimeField(null=True)
    refund_id = models.TextField(null=True, unique=True)
    failure = models.TextField(default="")
    entry = models.OneToOneField(
        "billing.Entry", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    back_entry = _entry()

    class Meta:
        db_table = "stripe_refund"
        managed = False

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.state}"


class StripeDispute(models.Model):
    """
    A payment that its payer's bank contests. `status` is Stripe's word, `state` what it means for the books.

    An inquiry moves nothing. What was frozen is the buyer's until it is lost.
    """

    class State(models.TextChoices):
        """Where it stands."""

        INQUIRY = "INQUIRY"
        OPEN = "OPEN"
        WON = "WON"
        LOST = "LOST"

    id = models.TextField(primary_key=True)
    top_up = models.ForeignKey(
        StripeTopUp, on_delete=models.PROTECT, related_name="disputes", db_constraint=False
    )
    amount = _amount()
    reason = models.TextField()
    status = models.TextField()
    state = models.TextField(choices=State.choices)
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    frozen = models.DecimalField(max_digits=38, decimal_places=9, default=Decimal(0))
    freeze_entry = _entry()
    end_entry = _entry()
    due_by = models.DateTimeField(null=True)
    """Until when Stripe takes evidence."""
    submissions = models.IntegerField(default=0)
    """How often it got some, wherever that was handed in."""
    evidence = models.TextField(default="")
    """What was handed in here."""
    evidence_at = models.DateTimeField(null=True)
    evidence_by = models.UUIDField(null=True)

    class Meta:
        db_table = "stripe_dispute"
        managed = False

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class StripeRecharge(models.Model):
    """A wallet that is filled by itself when it runs low: by `amount` below `threshold`, within caps."""

    class State(models.TextChoices):
        """PAUSED: `reason` says what a person has to do."""

        ACTIVE = "ACTIVE"
        PAUSED = "PAUSED"
        OFF = "OFF"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    currency = models.TextField()
    threshold = _amount()
    amount = _amount()
    day_most = _amount()
    month_most = _amount()
    payment_method_id = models.TextField(null=True)
    method_name = models.TextField(default="")
    state = models.TextField(choices=State.choices)
    reason = models.TextField(default="")
    failures = models.IntegerField(default=0)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "stripe_recharge"
        managed = False

    def __str__(self) -> str:
        return f"{self.currency} {self.state}"


class StripeCursor(models.Model):
    """How far the sweeper has read a list of Stripe's."""

    name = models.TextField(primary_key=True)
    swept_to = models.DateTimeField()

    class Meta:
        db_table = "stripe_cursor"
        managed = False

    def __str__(self) -> str:
        return self.name
