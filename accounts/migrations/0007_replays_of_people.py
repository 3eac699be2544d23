import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_projects"),
    ]

    operations = [
        migrations.AlterField(
            model_name="apireplay",
            name="organization",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.organization",
            ),
        ),
        migrations.AddField(
            model_name="apireplay",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="apireplay",
            constraint=models.UniqueConstraint(
                fields=("user", "key"), name="accounts_apireplay_once_a_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="apireplay",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("organization", None), ("user__isnull", False)),
                    models.Q(("organization__isnull", False), ("user", None)),
                    _connector="OR",
                ),
                name="accounts_apireplay_has_one_holder",
            ),
        ),
    ]
