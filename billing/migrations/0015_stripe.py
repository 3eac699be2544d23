from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0014_job_conversion")]

    operations = [
        migrations.CreateModel(
            name="StripeBalanceTransaction",
            fields=[
                ("id", models.TextField(primary_key=True, serialize=False)),
                ("type", models.TextField()),
                ("reporting_category", models.TextField()),
                ("source", models.TextField()),
                ("currency", models.TextField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("fee", models.DecimalField(decimal_places=9, max_digits=38)),
                ("net", models.DecimalField(decimal_places=9, max_digits=38)),
                ("exchange_rate", models.TextField()),
                ("happened_at", models.DateTimeField()),
                ("available_at", models.DateTimeField()),
                ("mirrored_at", models.DateTimeField()),
                ("raw", models.JSONField()),
            ],
            options={
                "db_table": "stripe_balance_transaction",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StripeCursor",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("swept_to", models.DateTimeField()),
            ],
            options={
                "db_table": "stripe_cursor",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StripeCustomer",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=models.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="accounts.organization",
                    ),
                ),
                ("customer_id", models.TextField(null=True, unique=True)),
                ("asked_at", models.DateTimeField()),
            ],
            options={
                "db_table": "stripe_customer",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StripeDispute",
            fields=[
                ("id", models.TextField(primary_key=True, serialize=False)),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("reason", models.TextField()),
                ("status", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[("INQUIRY", "Inquiry"), ("OPEN", "Open"), ("WON", "Won"), ("LOST", "Lost")]
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("frozen", models.DecimalField(decimal_places=9, default=Decimal(0), max_digits=38)),
            ],
            options={
                "db_table": "stripe_dispute",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StripeEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("event_id", models.TextField(unique=True)),
                ("type", models.TextField()),
                ("api_version", models.TextField()),
                ("account", models.TextField()),
                ("object_id", models.TextField()),
                ("happened_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("payload", models.JSONField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("NEW", "New"),
                            ("HANDLED", "Handled"),
                            ("LEFT", "Left"),
                            ("FAILED", "Failed"),
                        ],
                        default="NEW",
                    ),
                ),
                ("attempts", models.IntegerField(default=0)),
                ("next_at", models.DateTimeField()),
                ("handled_at", models.DateTimeField(null=True)),
                ("error", models.TextField(default="")),
            ],
            options={
                "db_table": "stripe_event",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StripeRecharge",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("currency", models.TextField()),
                ("threshold", models.DecimalField(decimal_places=9, max_digits=38)),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("day_most", models.DecimalField(decimal_places=9, max_digits=38)),
                ("month_most", models.DecimalField(decimal_places=9, max_digits=38)),
                ("payment_method_id", models.TextField(null=True)),
                ("method_name", models.TextField(default="")),
                (
                    "state",
                    models.TextField(choices=[("ACTIVE", "Active"), ("PAUSED", "Paused"), ("OFF", "Off")]),
                ),
                ("reason", models.TextField(default="")),
                ("failures", models.IntegerField(default=0)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "stripe_recharge",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StripeRefund",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("reason", models.TextField()),
                ("actor", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("REQUESTED", "Requested"),
                            ("SENT", "Sent"),
                            ("SUCCEEDED", "Succeeded"),
                            ("FAILED", "Failed"),
                        ],
                        default="REQUESTED",
                    ),
                ),
                ("requested_at", models.DateTimeField()),
                ("follow_at", models.DateTimeField(null=True)),
                ("refund_id", models.TextField(null=True, unique=True)),
                ("failure", models.TextField(default="")),
            ],
            options={
                "db_table": "stripe_refund",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StripeTerms",
            fields=[
                ("currency", models.TextField(primary_key=True, serialize=False)),
                (
                    "methods",
                    ArrayField(
                        base_field=models.TextField(
                            choices=[
                                ("CARD", "Card"),
                                ("ALIPAY", "Alipay"),
                                ("WECHAT_PAY", "WeChat Pay"),
                                ("STABLECOIN", "Stablecoin (USDC)"),
                            ]
                        )
                    ),
                ),
                ("least", models.DecimalField(decimal_places=9, max_digits=38)),
                ("most", models.DecimalField(decimal_places=9, max_digits=38)),
                ("day_most", models.DecimalField(decimal_places=9, max_digits=38)),
                ("new_day_most", models.DecimalField(decimal_places=9, max_digits=38)),
                ("reserve_bps", models.IntegerField()),
                ("elevated_reserve_bps", models.IntegerField()),
                ("reserve_days", models.IntegerField()),
            ],
            options={
                "verbose_name_plural": "stripe terms",
                "db_table": "stripe_terms",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StripeTopUp",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("request_key", models.TextField(null=True)),
                (
                    "origin",
                    models.TextField(choices=[("CHECKOUT", "paid by a person"), ("RECHARGE", "automatic")]),
                ),
                (
                    "method",
                    models.TextField(
                        choices=[
                            ("CARD", "Card"),
                            ("ALIPAY", "Alipay"),
                            ("WECHAT_PAY", "WeChat Pay"),
                            ("STABLECOIN", "Stablecoin (USDC)"),
                        ]
                    ),
                ),
                ("currency", models.TextField()),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("saves_method", models.BooleanField(default=False)),
                ("return_url", models.TextField(default="")),
                ("actor", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("CREATED", "Created"),
                            ("OPEN", "Open"),
                            ("PAID", "Paid"),
                            ("FAILED", "Failed"),
                            ("EXPIRED", "Expired"),
                        ],
                        default="CREATED",
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("follow_at", models.DateTimeField(null=True)),
                ("session_id", models.TextField(null=True, unique=True)),
                ("page_url", models.TextField(default="")),
                ("payment_intent_id", models.TextField(null=True, unique=True)),
                ("charge_id", models.TextField(null=True, unique=True)),
                ("risk_level", models.TextField(default="")),
                ("risk_score", models.IntegerField(null=True)),
                ("failure", models.TextField(default="")),
                ("paid_at", models.DateTimeField(null=True)),
                ("reserved", models.DecimalField(decimal_places=9, default=Decimal(0), max_digits=38)),
                ("reserve_ends_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "stripe_top_up",
                "managed": False,
            },
        ),
        RunSQLFile("billing/sql/stripe.sql"),
        RunSQLFile("billing/sql/stripe_terms.sql"),
    ]
