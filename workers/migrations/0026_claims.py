import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_invitations"),
        ("marketplace", "0018_profile_ends"),
        ("workers", "0025_job_conversion"),
        ("billing", "0026_answer_claims"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AnswerClaim",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                (
                    "reason",
                    models.TextField(
                        choices=[
                            ("WRONG", "Wrong"),
                            ("INCOMPLETE", "Incomplete"),
                            ("GARBLED", "Garbled"),
                            ("OTHER_MODEL", "Other Model"),
                            ("SLOW", "Slow"),
                            ("OTHER", "Other"),
                        ]
                    ),
                ),
                ("text", models.TextField()),
                ("evidence", models.TextField(blank=True, default="")),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("OPEN", "Open"),
                            ("ANSWERED", "Answered"),
                            ("DECIDED", "Decided"),
                            ("WITHDRAWN", "Withdrawn"),
                        ],
                        default="OPEN",
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("answer", models.TextField(blank=True, default="")),
                ("answered_at", models.DateTimeField(null=True)),
                ("credit", models.DecimalField(decimal_places=9, max_digits=38, null=True)),
                ("currency", models.TextField()),
                ("borne_by", models.TextField(blank=True, default="")),
                ("decision", models.TextField(blank=True, default="")),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "job",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="claim",
                        to="marketplace.job",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "claim",
                "db_table": "answer_claim",
                "indexes": [
                    models.Index(fields=["organization", "id"], name="answer_claim_buyer"),
                    models.Index(fields=["provider", "id"], name="answer_claim_provider"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("text", ""), _negated=True),
                            models.Q(
                                models.Q(("answer", ""), ("answered_at", None)),
                                models.Q(
                                    models.Q(("answer", ""), _negated=True), ("answered_at__isnull", False)
                                ),
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
                                    ("decided_by__isnull", False),
                                    ("state", "DECIDED"),
                                    models.Q(("decision", ""), _negated=True),
                                    models.Q(
                                        models.Q(("borne_by", ""), ("credit", 0)),
                                        models.Q(
                                            ("borne_by__in", ("PROVIDER", "PLATFORM")), ("credit__gt", 0)
                                        ),
                                        _connector="OR",
                                    ),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="answer_claim_is_sound",
                    )
                ],
            },
        ),
        RunSQLFile("workers/sql/claims.sql"),
    ]
