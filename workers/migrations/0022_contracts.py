from django.db import migrations

from core.sql import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [
        ("workers", "0021_site_days"),
        ("marketplace", "0016_offer_terms"),
        ("billing", "0009_give_backs"),
    ]

    operations = [
        RunSQLFile("workers/sql/final_prices.sql", reverse="workers/sql/final_prices_reverse.sql"),
        RunSQLFile("workers/sql/settling.sql"),
        RunSQLFile("workers/sql/slack.sql"),
        RunSQLFile("workers/sql/book.sql"),
        RunSQLFile("workers/sql/admission.sql"),
        RunSQLFile("workers/sql/plans.sql"),
    ]
