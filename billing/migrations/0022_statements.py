from typing import Any

import django.db.models.deletion
from django.db import migrations, models

from core.sql import RunSQLFile


def owned(to: str, **options: Any) -> "models.Field[Any, Any]":
    return models.OneToOneField(
        on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to=to, **options
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0021_reconciliation")]

    operations = [
        migrations.CreateModel(
            name="SellerProfile",
            fields=[
                ("entity", owned("billing.bookingentity", db_column="entity", related_name="seller")),
                ("name", models.TextField()),
                ("address", models.TextField()),
                ("tax_id", models.TextField(blank=True, default="")),
                ("changed_at", models.DateTimeField()),
            ],
            options={"db_table": "seller_profile", "managed": False},
        ),
        migrations.CreateModel(
            name="BillingProfile",
            fields=[
                ("organization", owned("accounts.organization", related_name="+")),
                ("name", models.TextField()),
                ("address", models.TextField()),
                ("country", models.TextField()),
                ("tax_id_kind", models.TextField(blank=True, default="")),
                ("tax_id", models.TextField(blank=True, default="")),
                ("language", models.TextField(default="en")),
                ("changed_at", models.DateTimeField()),
            ],
            options={"db_table": "billing_profile", "managed": False},
        ),
        migrations.CreateModel(
            name="TaxRule",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID")),
                ("seller_country", models.TextField()),
                ("buyer_country", models.TextField(blank=True, null=True)),
                ("buyer_has_tax_id", models.BooleanField(blank=True, null=True)),
                ("rate", models.DecimalField(decimal_places=6, max_digits=9)),
                ("label", models.TextField()),
                ("label_zh", models.TextField(blank=True, default="")),
                ("note", models.TextField(blank=True, default="")),
                ("note_zh", models.TextField(blank=True, default="")),
                ("reverse_charge", models.BooleanField(default=False)),
                ("valid_from", models.DateField()),
                ("valid_until", models.DateField(blank=True, null=True)),
            ],
            options={"db_table": "tax_rule", "managed": False},
        ),
        migrations.CreateModel(
            name="Invoice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID")),
                ("uid", models.UUIDField(unique=True)),
                ("number", models.TextField(unique=True)),
                (
                    "kind",
                    models.TextField(choices=[("INVOICE", "Invoice"), ("CREDIT_NOTE", "Credit note")]),
                ),
                ("entity", models.TextField()),
                ("year", models.IntegerField()),
                ("seq", models.IntegerField()),
                ("currency", models.TextField()),
                ("since", models.DateField()),
                ("until", models.DateField()),
                ("issued_on", models.DateField()),
                ("issued_at", models.DateTimeField()),
                ("reason", models.TextField()),
                ("net", models.DecimalField(decimal_places=9, max_digits=38)),
                ("net_shown", models.DecimalField(decimal_places=9, max_digits=38)),
                ("tax", models.DecimalField(decimal_places=9, max_digits=38)),
                ("content", models.TextField()),
                ("sha256", models.TextField()),
            ],
            options={"db_table": "invoice", "managed": False},
        ),
        migrations.CreateModel(
            name="InvoiceTax",
            fields=[
                ("invoice", owned("billing.invoice", related_name="tax_due")),
                ("amount", models.DecimalField(decimal_places=9, max_digits=38)),
                ("void", models.BooleanField(default=False)),
            ],
            options={"db_table": "invoice_tax", "managed": False, "verbose_name_plural": "invoice taxes"},
        ),
        RunSQLFile("billing/sql/invoices.sql"),
    ]
