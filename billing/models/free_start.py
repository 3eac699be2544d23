"""Free starts: who was let in to test money, and the marks by which a farmer is known."""

from django.db import models


class StripeCard(models.Model):
    """A card that an organization paid with, by Stripe's fingerprint of it."""

    pk = models.CompositePrimaryKey("organization_id", "fingerprint")
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    fingerprint = models.TextField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "stripe_card"
        managed = False

    def __str__(self) -> str:
        return self.fingerprint


class FreeStart(models.Model):
    """The first time that an organization was given test money: it asked, or an operator said so."""

    class Origin(models.TextChoices):
        """Whose wish it was."""

        ASKED = "ASKED"
        OPERATOR = "OPERATOR"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    organization = models.OneToOneField(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    origin = models.TextField(choices=Origin.choices)
    actor = models.TextField()
    reason = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "free_start"
        managed = False

    def __str__(self) -> str:
        return f"free start {self.pk}"


class FreeStartMark(models.Model):
    """What a start has left: its person, its network (hashed), or a card as Stripe names it."""

    class Kind(models.TextChoices):
        """Of what."""

        PERSON = "PERSON"
        NETWORK = "NETWORK"
        CARD = "CARD"

    pk = models.CompositePrimaryKey("start_id", "kind", "mark")
    start = models.ForeignKey(FreeStart, on_delete=models.PROTECT, related_name="marks", db_constraint=False)
    kind = models.TextField(choices=Kind.choices)
    mark = models.TextField()
    made_at = models.DateTimeField()
    kept_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "free_start_mark"
        managed = False

    def __str__(self) -> str:
        return f"{self.kind} {self.mark}"
