from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workers", "0023_parts_of_energy"), ("billing", "0025_claims")]
