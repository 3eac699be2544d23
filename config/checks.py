"""What `manage.py check --deploy` says of our own settings."""

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register(deploy=True)
def check_mail(**_: Any) -> list[checks.CheckMessage]:
    """An exchange that is reachable from elsewhere must be able to send its codes."""
    if settings.MAIL_URL != "console:":
        return []
    hint, name = "Set JOULEPORT_MAIL_URL to smtp:// or smtps://.", "jouleport.W001"
    return [checks.Warning("Mail goes to standard output: nobody can sign up.", hint=hint, id=name)]
