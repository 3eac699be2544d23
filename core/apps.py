"""Application `core`: no models, but the grants that every table of the others starts with."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import pre_migrate

from core import sql


def grant_defaults(*, using: str, **_: Any) -> None:
    """
    Let the application's role read and write what the owner is about to create.

    Runs before the first table exists. Tables that may only be appended to take rights away again
    in their own SQL. Repeating it changes nothing, so it answers the signal of every application.
    """
    role = sql.quote_role(sql.get_app_role())
    with connections[using].cursor() as cursor:
        cursor.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        cursor.execute(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"
        )
        cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role}")


class CoreConfig(AppConfig):
    """Types, errors and plumbing that every other application stands on."""

    name = "core"

    def ready(self) -> None:
        """Listen for migrations."""
        # The signal is sent only for applications with models, so this one cannot be its sender.
        pre_migrate.connect(grant_defaults, dispatch_uid="core.grant_defaults")
