from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
        ("marketplace", "0002_price_cards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("kind", models.TextField(choices=[("ONLINE", "Online"), ("DEFERRED", "Deferred")])),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("QUEUED", "Queued"),
                            ("RUNNING", "Running"),
                            ("SUCCEEDED", "Succeeded"),
                            ("FAILED", "Failed"),
                            ("CANCELLED", "Cancelled"),
                        ]
                    ),
                ),
                ("in_bound", models.BigIntegerField()),
                ("out_bound", models.BigIntegerField()),
                ("billable_attempt_id", models.BigIntegerField(null=True)),
                ("cancel_requested_at", models.DateTimeField(null=True)),
                ("error_code", models.TextField(null=True)),
                ("matched", models.JSONField(null=True)),
                ("request_blob", models.TextField(null=True)),
                ("answer_blob", models.TextField(null=True)),
                ("submitted_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("deadline_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "job",
                "managed": False,
            },
        ),
        RunSQLFile("marketplace/sql/jobs.sql"),
    ]
