"""The wiring as a Django app, so that it takes part in start-up whatever the entry point is."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class Wiring(AppConfig):
    """Binds shared tasks to our Celery app in every Django process, also those that only send."""

    name = "config"

    def ready(self) -> None:
        import_module("config.celery")
        import_module("config.checks")


class OperatorsAdmin(AdminConfig):
    """Django's admin, which opens only to a session that has shown a second factor."""

    default_site = "accounts.operators.OperatorSite"
