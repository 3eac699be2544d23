"""Application `accounts`: people, organizations, keys, tokens, audit."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who somebody is and what they may do."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
