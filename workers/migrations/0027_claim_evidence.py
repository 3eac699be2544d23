import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("workers", "0026_claims"),
        ("billing", "0029_books_care"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ClaimEvidence",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("side", models.TextField(choices=[("BUYER", "Buyer"), ("PROVIDER", "Provider")])),
                ("name", models.TextField()),
                ("kind", models.TextField()),
                ("size", models.IntegerField()),
                ("sha256", models.TextField()),
                ("content", models.BinaryField()),
                ("added_at", models.DateTimeField()),
            ],
            options={"db_table": "claim_evidence", "managed": False},
        ),
        migrations.AddField(
            model_name="answerclaim",
            name="alone_max",
            field=models.DecimalField(decimal_places=9, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="answerclaim",
            name="approved_by",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="answerclaim",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("approved_by", None),
                        models.Q(
                            ("alone_max", None),
                            ("credit", None),
                            ("credit__lte", models.F("alone_max")),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        ("approved_by__isnull", False),
                        ("credit__gt", 0),
                        ("state", "DECIDED"),
                        models.Q(("approved_by", models.F("decided_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="answer_claim_by_two",
            ),
        ),
        migrations.RemoveConstraint(model_name="answerclaim", name="answer_claim_is_sound"),
        migrations.AddConstraint(
            model_name="answerclaim",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("text", ""), _negated=True),
                    models.Q(
                        models.Q(("answer", ""), ("answered_at", None)),
                        models.Q(models.Q(("answer", ""), _negated=True), ("answered_at__isnull", False)),
                        _connector="OR",
                    ),
                    models.Q(
                        models.Q(
                            ("answered_at", None),
                            ("closed_at", None),
                            ("credit", None),
                            ("decided_by", None),
                            ("state", "OPEN"),
                        ),
                        models.Q(
                            ("answered_at__isnull", False),
                            ("closed_at", None),
                            ("credit", None),
                            ("decided_by", None),
                            ("state", "ANSWERED"),
                        ),
                        models.Q(
                            ("closed_at__isnull", False),
                            ("credit", None),
                            ("decided_by", None),
                            ("state", "WITHDRAWN"),
                        ),
                        models.Q(
                            ("closed_at__isnull", False),
                            ("credit__isnull", False),
                            ("decided_by__isnull", False),
                            ("state", "DECIDED"),
                            models.Q(("decision", ""), _negated=True),
                            models.Q(
                                models.Q(("borne_by", ""), ("credit", 0)),
                                models.Q(("borne_by__in", ("PROVIDER", "PLATFORM")), ("credit__gt", 0)),
                                _connector="OR",
                            ),
                        ),
                        _connector="OR",
                    ),
                ),
                name="answer_claim_is_sound",
            ),
        ),
        RunSQLFile("workers/sql/claim_evidence.sql"),
    ]
