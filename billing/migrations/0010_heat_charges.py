from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0009_give_backs"),
    ]

    operations = [
        migrations.CreateModel(
            name="HeatCharge",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.TextField(unique=True)),
                ("currency", models.TextField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("fee", models.DecimalField(decimal_places=9, max_digits=38)),
                ("reason", models.TextField()),
                ("due_at", models.DateTimeField()),
            ],
            options={
                "db_table": "heat_charge",
                "managed": False,
            },
        ),
        RunSQLFile("billing/sql/heat_charges.sql"),
    ]
