from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0027_payout_hands")]

    operations = []
