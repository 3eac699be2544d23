"""Addresses of providers' own at which nodes are called without an agent."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from core import ids


class DirectUpstream(models.Model):
    """
    A provider's own HTTPS address for a node, called once an operator has admitted it.

    `credential` is sealed (`core.credentials`) and opened by whoever calls the address, nowhere else.
    """

    class State(models.TextChoices):
        """Only what is admitted is called."""

        PENDING = "PENDING"
        ADMITTED = "ADMITTED"
        REFUSED = "REFUSED"

    uid = models.UUIDField(unique=True, default=ids.make_uid, editable=False)
    node = models.OneToOneField("workers.Node", on_delete=models.PROTECT, related_name="upstream")
    url = models.CharField(max_length=500)
    slots = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    credential = models.BinaryField()
    key_id = models.CharField(max_length=12)
    submitted_at = models.DateTimeField(db_default=Now())
    credential_set_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "direct_upstream"
        constraints = (
            models.CheckConstraint(name="upstream_takes_some", condition=models.Q(slots__gte=1)),
            models.CheckConstraint(name="upstream_is_https", condition=models.Q(url__startswith="https://")),
            models.CheckConstraint(
                name="upstream_decided_by_somebody",
                condition=models.Q(state="PENDING", decided_at__isnull=True, decided_by__isnull=True)
                | (~models.Q(state="PENDING") & models.Q(decided_at__isnull=False, decided_by__isnull=False)),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.url} of node {self.node_id}"
