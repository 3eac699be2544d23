"""The models that can be bought, whoever serves them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from marketplace.listings import ENDPOINTS, WRITING


def list_writing() -> list[str]:
    """What a model that writes can be asked for."""
    return sorted(WRITING)


class Model(models.Model):
    """
    One model of the catalogue under the slug buyers ask for.

    `endpoints` are what it can be asked for (`listings.ENDPOINTS`). Lengths are tokens. `tokenizer` names the
    rule that bounds a prompt's tokens; `byte-level` means that a prompt never holds more tokens than bytes.
    """

    id = models.BigAutoField(primary_key=True)
    slug = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=120)
    context_length = models.IntegerField()
    tokenizer = models.CharField(max_length=64, default="byte-level")
    max_output_default = models.IntegerField()
    endpoints = ArrayField(models.TextField(), db_default=["chat", "completions"], default=list_writing)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "model"
        constraints = (
            models.CheckConstraint(name="model_context_at_least_one", condition=Q(context_length__gte=1)),
            models.CheckConstraint(
                name="model_output_default_in_context",
                condition=Q(max_output_default__gte=1, max_output_default__lte=F("context_length")),
            ),
            models.CheckConstraint(
                name="model_endpoints_known",
                condition=Q(endpoints__contained_by=list(ENDPOINTS), endpoints__len__gte=1),
            ),
            # A colon would be read as a suffix (`:floor`) of the slug.
            models.CheckConstraint(
                name="model_slug_is_plain", condition=Q(slug__regex=r"^[a-z0-9][a-z0-9._/-]*$")
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.slug}"
