"""Reference data as it was loaded, and what providers said about it for their own sites."""

from django.db import models
from django.db.models import Q


class ReferenceVersion(models.Model):
    """
    One state of one file of reference data; never changed. The one with the greatest number counts.

    `name` is the file's; `digest` is SHA-256 of its content, hexadecimal.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64)
    number = models.IntegerField()
    digest = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    source = models.TextField()
    date = models.CharField(max_length=10)
    licence = models.TextField()
    url = models.TextField(blank=True)
    note = models.TextField(blank=True)
    loaded_at = models.DateTimeField()

    class Meta:
        db_table = "reference_version"
        constraints = (
            models.UniqueConstraint(name="reference_version_number", fields=["name", "number"]),
            models.CheckConstraint(name="reference_version_counts", condition=Q(number__gte=1)),
            models.CheckConstraint(
                name="reference_version_digest", condition=Q(digest__regex=r"^[0-9a-f]{64}$")
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.name} {self.number}"


class ReferenceFigure(models.Model):
    """
    One row of a version under its `key` (a chip, a grid zone, a kind of cooling); never changed.

    `figures` are the row's fields as texts, or a whole document. `verified`: read in what its originator
    published, or in a data package that carries that. What is not verified prices nothing until the provider
    says the same (SiteFigure).
    """

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(ReferenceVersion, on_delete=models.PROTECT, related_name="rows")
    key = models.CharField(max_length=200)
    figures = models.JSONField()
    source = models.TextField()
    date = models.CharField(max_length=10)
    grade = models.CharField(max_length=1)
    verified = models.BooleanField()
    note = models.TextField(blank=True)

    class Meta:
        db_table = "reference_figure"
        constraints = (
            models.UniqueConstraint(name="reference_figure_key", fields=["version", "key"]),
            models.CheckConstraint(
                name="reference_figure_grade", condition=Q(grade__in=["A", "B", "C", "K", "S"])
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.key}"


class SiteFigure(models.Model):
    """
    What a provider says of its own site in place of a reference row; never changed, the newest counts.

    Saying the same as an unverified row confirms it.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("marketplace.Site", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    figures = models.JSONField()
    source = models.TextField()
    stated_at = models.DateTimeField()

    class Meta:
        db_table = "site_figure"
        indexes = (models.Index(name="site_figure_newest", fields=["site", "name", "key", "-id"]),)
        constraints = (models.CheckConstraint(name="site_figure_has_source", condition=~Q(source="")),)

    def __str__(self) -> str:
        return f"#{self.pk} {self.name} {self.key}"
