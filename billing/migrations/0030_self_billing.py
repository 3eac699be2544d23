from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0029_books_care")]

    operations = []
