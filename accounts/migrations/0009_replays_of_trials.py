from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_preferences")]

    operations = [
        migrations.AlterField(model_name="apireplay", name="key", field=models.CharField(max_length=260)),
    ]
