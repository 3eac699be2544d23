"""Application `accounts`: people, organizations, keys, tokens, audit."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who somebody is and what they may do."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to what allauth tells."""
        from accounts import second_factors

        second_factors.listen()
