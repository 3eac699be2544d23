from django.db import migrations, models

from core.sql import RunSQLFile

HOLD_V1 = "DROP FUNCTION IF EXISTS hold_v1(bigint[], bigint[], bigint[], numeric[], boolean)"


class Migration(migrations.Migration):
    dependencies = [
        ("workers", "0004_endpoints"),
        ("billing", "0002_spending_limits"),
    ]

    operations = [
        migrations.AddField(
            model_name="node",
            name="simulated",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        RunSQLFile("workers/sql/test_mode.sql"),
        RunSQLFile("workers/sql/reading.sql"),
        RunSQLFile("workers/sql/keys.sql"),
        RunSQLFile("workers/sql/admission.sql"),
        RunSQLFile("workers/sql/plans.sql"),
        # Admission was the last to call it.
        migrations.RunSQL(HOLD_V1, migrations.RunSQL.noop),
    ]
