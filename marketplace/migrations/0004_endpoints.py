import django.contrib.postgres.fields
from django.db import migrations, models

import marketplace.models.catalogue

ENDPOINTS = ["chat", "completions", "embeddings"]


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0003_jobs")]

    operations = [
        migrations.AddField(
            model_name="model",
            name="endpoints",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(),
                db_default=["chat", "completions"],
                default=marketplace.models.catalogue.list_writing,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="offer",
            name="endpoints",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(), blank=True, null=True, size=None
            ),
        ),
        migrations.AddConstraint(
            model_name="model",
            constraint=models.CheckConstraint(
                condition=models.Q(("endpoints__contained_by", ENDPOINTS), ("endpoints__len__gte", 1)),
                name="model_endpoints_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("endpoints__isnull", True),
                    models.Q(("endpoints__contained_by", ENDPOINTS), ("endpoints__len__gte", 1)),
                    _connector="OR",
                ),
                name="offer_endpoints_known",
            ),
        ),
    ]
