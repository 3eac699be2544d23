"""What operators made of what was odd."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class FlagResolution(models.Model):
    """An operator's word on a flag, given once; the flag itself stays as it is. Rows are never changed."""

    flag = models.OneToOneField(
        "workers.MeterFlag", on_delete=models.PROTECT, primary_key=True, related_name="resolution"
    )
    note = models.CharField(max_length=1000)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField()

    class Meta:
        db_table = "flag_resolution"
        constraints = (models.CheckConstraint(name="flag_resolution_says_something", condition=~Q(note="")),)

    def __str__(self) -> str:
        return f"#{self.flag_id} resolved"
