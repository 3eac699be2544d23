import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import core.ids
from core.sql import RunSQLFile

STATES = [("PENDING", "Pending"), ("ADMITTED", "Admitted"), ("REFUSED", "Refused")]


class Migration(migrations.Migration):
    dependencies = [
        ("workers", "0005_test_mode"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DirectUpstream",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=core.ids.make_uid, editable=False, unique=True)),
                ("url", models.CharField(max_length=500)),
                ("slots", models.PositiveIntegerField()),
                ("state", models.CharField(choices=STATES, default="PENDING", max_length=16)),
                ("credential", models.BinaryField()),
                ("key_id", models.CharField(max_length=12)),
                (
                    "submitted_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "credential_set_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "node",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="upstream",
                        to="workers.node",
                    ),
                ),
            ],
            options={
                "db_table": "direct_upstream",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("slots__gte", 1)), name="upstream_takes_some"),
                    models.CheckConstraint(
                        condition=models.Q(("url__startswith", "https://")), name="upstream_is_https"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(state="PENDING", decided_at__isnull=True, decided_by__isnull=True)
                        | (
                            ~models.Q(state="PENDING")
                            & models.Q(decided_at__isnull=False, decided_by__isnull=False)
                        ),
                        name="upstream_decided_by_somebody",
                    ),
                ],
            },
        ),
        RunSQLFile("workers/sql/upstreams.sql"),
    ]
