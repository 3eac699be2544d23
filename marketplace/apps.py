"""The Django application of the market: sites, offers, price cards, jobs."""

from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    """Registers the models; holds no start-up code."""

    name = "marketplace"
    default_auto_field = "django.db.models.BigAutoField"
