from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0029_books_care")]

    operations = [
        migrations.CreateModel(
            name="SelfBillingAgreement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(unique=True)),
                ("version", models.TextField()),
                ("sha256", models.TextField()),
                ("agreed_by", models.UUIDField()),
                ("agreed_at", models.DateTimeField()),
                ("ended_by", models.UUIDField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "self_billing_agreement", "managed": False},
        ),
        RunSQLFile("billing/sql/self_billing.sql"),
    ]
