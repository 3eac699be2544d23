from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_api_replays"),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="concurrent_requests",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="requests_per_minute",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="tokens_per_minute",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="concurrent_requests",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="key_requests_per_minute",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="key_tokens_per_minute",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("concurrent_requests__gt", 0),
                    ("requests_per_minute__gt", 0),
                    ("tokens_per_minute__gt", 0),
                ),
                name="accounts_apikey_rates_leave_room",
            ),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("concurrent_requests__gt", 0),
                    ("key_requests_per_minute__gt", 0),
                    ("key_tokens_per_minute__gt", 0),
                ),
                name="accounts_organization_rates_leave_room",
            ),
        ),
    ]
