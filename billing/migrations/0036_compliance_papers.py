"""Papers and tax numbers of checks; numbers that stand in steps of before are encrypted."""

import json
import re
from typing import Any

from django.conf import settings
from django.db import migrations, models

from core import ids
from core.credentials import Vault
from core.sql import RunSQLFile

SAID = re.compile(r"\s*tax number\s*:\s*([^\s…].*)", re.IGNORECASE | re.DOTALL)


def seal_numbers(apps: Any, schema_editor: Any) -> None:
    """Move every tax number out of the evidence of steps; of each its end stays there."""
    with schema_editor.connection.cursor() as cursor:
        move_numbers(cursor)


def move_numbers(cursor: Any) -> None:
    """The same, with a cursor of the owner."""
    cursor.execute(
        "SELECT id, organization_id, evidence::text, made_by, made_at FROM compliance_step"
        " WHERE evidence::text ~* 'tax number' ORDER BY id"
    )
    steps = cursor.fetchall()
    if not steps:
        return
    vault = Vault(settings.CREDENTIAL_KEYS)
    kept: dict[tuple[int, str], dict[str, str]] = {}
    # Steps never change; what must not stand in them is the one exception.
    cursor.execute("ALTER TABLE compliance_step DISABLE TRIGGER compliance_step_append_only")
    for step, organization, text, made_by, made_at in steps:
        evidence = json.loads(text)
        for place, one in enumerate(evidence):
            found = SAID.match(one.get("text", ""))
            if found is None:
                continue
            known = (organization, found[1].strip())
            if known not in kept:
                kept[known] = keep_number(cursor, vault, *known, made_by, made_at)
            evidence[place] = kept[known]
        cursor.execute(
            "UPDATE compliance_step SET evidence = %s::jsonb WHERE id = %s", [json.dumps(evidence), step]
        )
    cursor.execute("ALTER TABLE compliance_step ENABLE TRIGGER compliance_step_append_only")


def keep_number(
    cursor: Any, vault: Vault, organization: int, number: str, made_by: Any, made_at: Any
) -> dict[str, str]:
    """Keep one number; answers what stands in its place."""
    uid = ids.make_uid()
    sealed = vault.seal(number, purpose=f"tax_number:{uid}")
    signs = "".join(sign for sign in number if sign.isascii() and sign.isalnum())
    hint = f"…{signs[len(signs) - min(4, len(signs) // 2) :]}"
    cursor.execute(
        "INSERT INTO tax_number (uid, organization_id, hint, content, key_id, added_by, added_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [uid, organization, hint, sealed.token, sealed.key_id, made_by, made_at],
    )
    return {"text": f"Tax number: {hint}", "tax_number": str(uid)}


class Migration(migrations.Migration):
    dependencies = [("billing", "0031_review"), ("accounts", "0011_invitations")]

    operations = [
        migrations.CreateModel(
            name="ComplianceDocument",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("number", models.IntegerField()),
                ("name", models.TextField()),
                ("kind", models.TextField()),
                ("size", models.IntegerField()),
                ("sha256", models.TextField()),
                ("content", models.BinaryField()),
                ("key_id", models.TextField()),
                ("added_by", models.UUIDField(null=True)),
                ("added_at", models.DateTimeField()),
            ],
            options={"db_table": "compliance_document", "managed": False},
        ),
        migrations.CreateModel(
            name="TaxNumber",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("hint", models.TextField()),
                ("content", models.BinaryField()),
                ("key_id", models.TextField()),
                ("added_by", models.UUIDField(null=True)),
                ("added_at", models.DateTimeField()),
            ],
            options={"db_table": "tax_number", "managed": False},
        ),
        RunSQLFile("billing/sql/compliance_papers.sql"),
        migrations.RunPython(seal_numbers, migrations.RunPython.noop),
        migrations.RunSQL(
            "ALTER TABLE compliance_step VALIDATE CONSTRAINT compliance_step_no_tax_number",
            migrations.RunSQL.noop,
        ),
    ]
