from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0029_one_look_a_row"), ("billing", "0040_rail_answers")]

    operations = [RunSQLFile("workers/sql/low_wallets.sql", reverse="workers/sql/low_wallets_reverse.sql")]
