"""Computers that run jobs, and how an offer reaches one."""

from django.db import models
from django.db.models.functions import Now

from core import ids


class Node(models.Model):
    """One computer (or cluster front) at a site; an agent with this node's token stands for it."""

    class State(models.TextChoices):
        """Whether jobs are sent to it."""

        ACTIVE = "ACTIVE"
        DRAINING = "DRAINING"
        RETIRED = "RETIRED"

    uid = models.UUIDField(unique=True, default=ids.make_uid, editable=False)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("marketplace.Site", on_delete=models.PROTECT, related_name="+")
    agent_token = models.OneToOneField("accounts.AgentToken", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    chips = models.PositiveIntegerField()
    chip_slug = models.CharField(max_length=64, blank=True, default="")
    declared_watts_idle = models.DecimalField(max_digits=10, decimal_places=2)
    declared_watts_busy = models.DecimalField(max_digits=10, decimal_places=2)
    simulated = models.BooleanField(default=False, db_default=False, editable=False)
    """Serves test money, and nothing else; never changes."""
    machine_id = models.CharField(max_length=128, null=True, blank=True)
    epoch = models.BigIntegerField(default=0, db_default=0)
    connected_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    agent_version = models.CharField(max_length=32, blank=True, default="", db_default="")
    protocol = models.PositiveSmallIntegerField(default=0, db_default=0)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "node"
        constraints = (
            models.CheckConstraint(name="node_has_chips", condition=models.Q(chips__gte=1)),
            models.CheckConstraint(
                name="node_watts_in_order",
                condition=models.Q(
                    declared_watts_idle__gte=0, declared_watts_busy__gte=models.F("declared_watts_idle")
                ),
            ),
            models.UniqueConstraint(name="node_name_in_organization", fields=["organization", "name"]),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"


class Endpoint(models.Model):
    """How an offer is reached: through which node, under which name its model server knows the model."""

    offer = models.OneToOneField("marketplace.Offer", on_delete=models.PROTECT, related_name="endpoint")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="endpoints")
    upstream_model = models.CharField(max_length=200)

    class Meta:
        db_table = "endpoint"

    def __str__(self) -> str:
        return f"#{self.pk} {self.upstream_model} at node {self.node_id}"
