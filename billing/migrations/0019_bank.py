from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0018_settlement")]
