from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0007_site_tariffs")]

    operations = [RunSQLFile("marketplace/sql/claims.sql")]
