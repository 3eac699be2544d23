from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0014_cards_ahead")]

    operations = [RunSQLFile("workers/sql/folding.sql")]
