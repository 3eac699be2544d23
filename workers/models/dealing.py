"""Who dealt with whom, as two views show it (workers/sql/dealings.sql)."""

from django.db import models


class AbstractDealing(models.Model):
    """A charge with its buyer, its provider, and what was used."""

    usage_id = models.BigIntegerField(primary_key=True)
    attempt = models.ForeignKey("workers.Attempt", on_delete=models.DO_NOTHING, related_name="+")
    job = models.ForeignKey("marketplace.Job", on_delete=models.DO_NOTHING, related_name="+")
    offer = models.ForeignKey("marketplace.Offer", on_delete=models.DO_NOTHING, related_name="+")
    node = models.ForeignKey("workers.Node", on_delete=models.DO_NOTHING, related_name="+")
    model = models.ForeignKey("marketplace.Model", on_delete=models.DO_NOTHING, related_name="+")
    site = models.ForeignKey("marketplace.Site", on_delete=models.DO_NOTHING, related_name="+")
    buyer = models.ForeignKey("accounts.Organization", on_delete=models.DO_NOTHING, related_name="+")
    provider = models.ForeignKey("accounts.Organization", on_delete=models.DO_NOTHING, related_name="+")
    currency = models.TextField()
    amount = models.DecimalField(max_digits=38, decimal_places=9)
    fee = models.DecimalField(max_digits=38, decimal_places=9)
    billed_in = models.BigIntegerField()
    billed_cached = models.BigIntegerField()
    billed_out = models.BigIntegerField()
    chip_seconds = models.DecimalField(max_digits=20, decimal_places=6)
    joules = models.DecimalField(max_digits=20, decimal_places=3)
    kwh = models.DecimalField(max_digits=20, decimal_places=12)
    recorded_at = models.DateTimeField()
    excluded_because = models.TextField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"#{self.usage_id} of {self.buyer_id} with {self.provider_id}"


class Dealing(AbstractDealing):
    """Every charge; `excluded_because` says why it counts for nothing, if it does not."""

    class Meta(AbstractDealing.Meta):
        abstract = False
        db_table = "dealing"
        managed = False


class ArmsLengthDealing(AbstractDealing):
    """Charges between strangers in real money: all that statistics may count."""

    class Meta(AbstractDealing.Meta):
        abstract = False
        db_table = "arms_length"
        managed = False
