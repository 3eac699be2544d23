from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
        ("core", "0001_functions"),
        ("marketplace", "0001_initial"),
    ]

    operations = [
        RunSQLFile("marketplace/sql/price_cards.sql"),
    ]
