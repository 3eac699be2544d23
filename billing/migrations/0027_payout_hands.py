from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0026_answer_claims")]

    operations = [
        migrations.AlterModelOptions(
            name="organizationentity",
            options={"managed": False, "verbose_name_plural": "organizations of other entities"},
        ),
        RunSQLFile("billing/sql/settlement_rules.sql"),
        RunSQLFile("billing/sql/settlement_paying.sql"),
        RunSQLFile("billing/sql/chain.sql"),
    ]
