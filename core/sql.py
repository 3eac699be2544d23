"""SQL files of the applications, loaded by migrations."""

import re
from pathlib import Path

from django.apps.registry import Apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

REPOSITORY = Path(__file__).resolve().parent.parent

# Not "::app_role", which would be a cast.
APP_ROLE_TOKEN = re.compile(r"(?<!:):app_role\b")


def get_app_role() -> str:
    """
    Name of the database role the application runs as, unquoted.

    :raises ImproperlyConfigured: if the settings name none
    """
    role = getattr(settings, "DATABASE_APP_ROLE", "")
    if not isinstance(role, str) or not role:
        raise ImproperlyConfigured("DATABASE_APP_ROLE must name the role of DATABASE_URL")
    return role


def quote_role(role: str) -> str:
    """Quote a role name as an SQL identifier."""
    return '"' + role.replace('"', '""') + '"'


def read_sql(path: str) -> str:
    """Text of an SQL file, `path` relative to the repository, `:app_role` replaced by the quoted role."""
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    # A function as replacement, because a role name may contain what re takes for a group reference.
    return APP_ROLE_TOKEN.sub(lambda _: quote_role(get_app_role()), text)


class RunSQLFile(Operation):
    """
    Run an SQL script, `path` relative to the repository; `reverse` is the script that undoes it.

    Without `reverse` going back changes nothing: the scripts create or replace what they define.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, path: str, reverse: str | None = None) -> None:
        self.path = path
        self.reverse = reverse

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the models as they are: the scripts make what Django does not manage."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState | Apps,
        to_state: ProjectState | Apps,
    ) -> None:
        """Run the script."""
        self._run(schema_editor, self.path)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState | Apps,
        to_state: ProjectState | Apps,
    ) -> None:
        """Run the reverse script, if there is one."""
        if self.reverse is not None:
            self._run(schema_editor, self.reverse)

    def describe(self) -> str:
        """One line for `migrate` and `showmigrations`."""
        return f"Run {self.path}"

    @staticmethod
    def _run(schema_editor: BaseDatabaseSchemaEditor, path: str) -> None:
        # No parameters (not even an empty list): psycopg then sends the text as it is, so that
        # it may hold several statements and per cent signs.
        schema_editor.execute(read_sql(path), params=None)
