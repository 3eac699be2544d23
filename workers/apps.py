"""Django application of work: nodes, attempts, usage, receipts."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """Registers the app."""

    name = "workers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what must hold across jobs, attempts, usage and charges."""
        from billing import verification

        verification.register_checks("workers/sql/checks")
