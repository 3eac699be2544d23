from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("workers", "0027_claim_evidence"), ("billing", "0030_self_billing")]

    operations = [RunSQLFile("workers/sql/income.sql", reverse="workers/sql/income_reverse.sql")]
