"""What two people decide."""

import json
from typing import Any

from django.db import models


class Approval(models.Model):
    """
    Content that one person prepared and another approves: exactly that, by its SHA-256.

    People are named by the uid of their account. Nothing but the decision ever changes.
    """

    class State(models.TextChoices):
        """Where it stands; an approval becomes void when its content changed."""

        PENDING = "PENDING"
        APPROVED = "APPROVED"
        REJECTED = "REJECTED"
        VOID = "VOID"

    uid = models.UUIDField(unique=True)
    kind = models.TextField()
    subject = models.TextField()
    canonical = models.TextField()
    """The content as the JSON text that was hashed."""
    sha256 = models.TextField()
    state = models.TextField(choices=State.choices)
    prepared_by = models.UUIDField()
    prepared_at = models.DateTimeField()
    approved_by = models.UUIDField(null=True)
    approved_sha256 = models.TextField(null=True)
    approved_at = models.DateTimeField(null=True)
    ended_by = models.UUIDField(null=True)
    ended_at = models.DateTimeField(null=True)
    note = models.TextField()

    class Meta:
        db_table = "approval"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.subject}"

    @property
    def content(self) -> dict[str, Any]:
        """What was prepared."""
        content: dict[str, Any] = json.loads(self.canonical)
        return content
