from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0028_stripe_care")]

    operations = []
