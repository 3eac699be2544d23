from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0009_price_bases")]

    operations = [RunSQLFile("marketplace/sql/price_cards.sql")]
