from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0026_answer_claims")]

    operations = []
