"""Django application of money: ledger, holds, charges, wallets."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Registers the app."""

    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what must hold in these tables."""
        from billing import verification

        verification.register_checks("billing/sql/checks")
