"""What buyers say is wrong with an answer, what its provider says to that, and what was decided."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

TEXT_LENGTH_MAX = 4000
EVIDENCE_LENGTH_MAX = 20_000


class AnswerClaim(models.Model):
    """
    A claim about one job's answer: opened once, answered by the provider, decided by an operator.

    `credit`, in the wallet's currency, is what the buyer got; nothing if the claim was turned down.
    """

    class State(models.TextChoices):
        OPEN = "OPEN"
        ANSWERED = "ANSWERED"
        DECIDED = "DECIDED"
        WITHDRAWN = "WITHDRAWN"

    class Reason(models.TextChoices):
        WRONG = "WRONG"
        INCOMPLETE = "INCOMPLETE"
        GARBLED = "GARBLED"
        OTHER_MODEL = "OTHER_MODEL"
        SLOW = "SLOW"
        OTHER = "OTHER"

    uid = models.UUIDField(unique=True)
    job = models.OneToOneField(
        "marketplace.Job", on_delete=models.PROTECT, related_name="claim", db_constraint=False
    )
    organization = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    provider = models.ForeignKey("accounts.Organization", on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(choices=Reason.choices)
    text = models.TextField()
    evidence = models.TextField(default="", blank=True)
    state = models.TextField(choices=State.choices, default=State.OPEN)
    opened_at = models.DateTimeField()
    answer = models.TextField(default="", blank=True)
    answered_at = models.DateTimeField(null=True)
    credit = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    currency = models.TextField()
    borne_by = models.TextField(default="", blank=True)
    decision = models.TextField(default="", blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    alone_max = models.DecimalField(max_digits=38, decimal_places=9, null=True)
    """What one operator could credit alone when it was decided; null where nothing was said of that."""
    # The approval that has to be there names the same person.
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    """The second person of a credit above that."""
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "answer_claim"
        verbose_name = "claim"
        constraints = (
            models.CheckConstraint(
                name="answer_claim_is_sound",
                condition=(
                    ~Q(text="")
                    & (Q(answer="", answered_at=None) | (~Q(answer="") & Q(answered_at__isnull=False)))
                    & (
                        Q(state="OPEN", answered_at=None, closed_at=None, credit=None, decided_by=None)
                        | Q(
                            state="ANSWERED",
                            answered_at__isnull=False,
                            closed_at=None,
                            credit=None,
                            decided_by=None,
                        )
                        | Q(state="WITHDRAWN", closed_at__isnull=False, credit=None, decided_by=None)
                        | (
                            Q(
                                state="DECIDED",
                                closed_at__isnull=False,
                                decided_by__isnull=False,
                                credit__isnull=False,
                            )
                            & ~Q(decision="")
                            & (
                                Q(credit=0, borne_by="")
                                | Q(credit__gt=0, borne_by__in=("PROVIDER", "PLATFORM"))
                            )
                        )
                    )
                ),
            ),
            models.CheckConstraint(
                name="answer_claim_by_two",
                condition=Q(
                    Q(approved_by=None) & (Q(alone_max=None) | Q(credit=None) | Q(credit__lte=F("alone_max")))
                )
                | (
                    Q(approved_by__isnull=False, state="DECIDED", credit__gt=0)
                    & ~Q(approved_by=F("decided_by"))
                ),
            ),
        )
        indexes = (
            models.Index(fields=("organization", "id"), name="answer_claim_buyer"),
            models.Index(fields=("provider", "id"), name="answer_claim_provider"),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.state}"


class ClaimEvidence(models.Model):
    """A file that the buyer or the provider shows for a claim; it never changes."""

    class Side(models.TextChoices):
        BUYER = "BUYER"
        PROVIDER = "PROVIDER"

    uid = models.UUIDField(unique=True)
    claim = models.ForeignKey(AnswerClaim, on_delete=models.PROTECT, related_name="files")
    side = models.TextField(choices=Side.choices)
    name = models.TextField()
    kind = models.TextField()
    """Its media type, by its content."""
    size = models.IntegerField()
    sha256 = models.TextField()
    content = models.BinaryField()
    added_at = models.DateTimeField()

    class Meta:
        db_table = "claim_evidence"
        managed = False

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"
