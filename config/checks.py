"""What `manage.py check --deploy` says of our own settings."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register


@register(deploy=True)
def check_mail(**_: Any) -> list[CheckMessage]:
    """An exchange that is reachable from elsewhere must be able to send its codes."""
    if settings.MAIL_URL != "console:":
        return []
    hint = "Set JOULEPORT_MAIL_URL to smtp:// or smtps://."
    return [Warning("Mail goes to standard output: nobody can sign up.", hint=hint, id="jouleport.W001")]
