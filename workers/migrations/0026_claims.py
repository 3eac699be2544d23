from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workers", "0025_job_conversion"), ("billing", "0026_answer_claims")]

    operations = []
