from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    # book_v1 stays for gateways of the previous version, which run beside new ones while they are replaced.
    dependencies = [("workers", "0003_keys"), ("marketplace", "0004_endpoints")]

    operations = [RunSQLFile("workers/sql/book.sql")]
