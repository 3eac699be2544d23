"""Django application of work: nodes, attempts, usage, receipts."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """Registers the app."""

    name = "workers"
    default_auto_field = "django.db.models.BigAutoField"
