"""How agents of a node come to their tokens. Both tables are made by SQL (workers/sql/agents.sql)."""

from django.db import models


class NodeToken(models.Model):
    """A token that an agent of a node signs in with, until it ends; its pinned key stays known."""

    agent_token = models.OneToOneField(
        "accounts.AgentToken", on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    node = models.ForeignKey("workers.Node", on_delete=models.PROTECT, related_name="tokens")
    given_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "node_token"
        managed = False

    def __str__(self) -> str:
        return f"#{self.agent_token_id} token of node {self.node_id}"


class Enrolment(models.Model):
    """A code that is exchanged once, within minutes, for a token. Only its digest is stored."""

    uid = models.UUIDField(unique=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    node = models.ForeignKey("workers.Node", on_delete=models.PROTECT, related_name="enrolments")
    digest = models.BinaryField(unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    agent_token = models.OneToOneField(
        "accounts.AgentToken", on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        db_table = "enrolment"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} enrolment at node {self.node_id}"
