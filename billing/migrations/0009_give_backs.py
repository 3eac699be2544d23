from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_entries_by_day")]

    operations = [
        migrations.CreateModel(
            name="GiveBack",
            fields=[
                ("usage_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("source", models.BigIntegerField()),
                ("rated", models.DecimalField(decimal_places=9, max_digits=38)),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("fee", models.DecimalField(decimal_places=9, max_digits=38)),
                ("overrun", models.DecimalField(decimal_places=9, max_digits=38)),
                ("settled_at", models.DateTimeField()),
            ],
            options={"db_table": "give_back", "managed": False},
        ),
        RunSQLFile("billing/sql/give_backs.sql", reverse="billing/sql/give_backs_reverse.sql"),
        RunSQLFile("billing/sql/giving_back.sql"),
        RunSQLFile("billing/sql/plans.sql"),
    ]
