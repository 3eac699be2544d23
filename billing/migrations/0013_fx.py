from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_approvals")]

    operations = [RunSQLFile("billing/sql/fx_quotes.sql")]
