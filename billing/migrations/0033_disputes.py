from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("billing", "0030_self_billing"), ("accounts", "0011_invitations")]

    operations = [RunSQLFile("billing/sql/disputes.sql")]
