"""Whose books an account is in."""

from django.db import models


class BookingEntity(models.Model):
    """A company that runs the exchange, with books of its own."""

    code = models.TextField(primary_key=True)
    name = models.TextField()
    country = models.TextField()

    class Meta:
        db_table = "booking_entity"
        managed = False
        verbose_name_plural = "booking entities"

    def __str__(self) -> str:
        return self.code


class OrganizationEntity(models.Model):
    """With which of them an organization deals, if it is not the first; fixed once it has accounts."""

    organization = models.OneToOneField(
        "accounts.Organization",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="+",
        db_constraint=False,
    )
    entity = models.ForeignKey(BookingEntity, on_delete=models.PROTECT, related_name="+", db_column="entity")

    class Meta:
        db_table = "organization_entity"
        managed = False
        verbose_name_plural = "organizations of other entities"

    def __str__(self) -> str:
        return f"#{self.organization_id} {self.entity_id}"
