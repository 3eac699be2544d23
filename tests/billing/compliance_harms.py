"""Harms to checks, screenings, lists and freezes."""

from tests.billing.harm import NEW, Copy, Harm

OTHER = {"id": NEW, "uid": "gen_random_uuid()"}


def step(**changes: str) -> Copy:
    """A copy of a step of a check of identity."""
    return Copy("compliance_step", OTHER | changes)


def screening(**changes: str) -> Copy:
    """A copy of a screening that found nothing."""
    return Copy("screening", OTHER | changes)


def frozen(**changes: str) -> Copy:
    """A copy of a freeze, of another account."""
    another = "(SELECT min(id) FROM ledger_account)"
    return Copy("money_freeze", OTHER | {"account_id": another} | changes, "ended_at IS NULL")


def listed(**changes: str) -> Copy:
    """A copy of a list."""
    return Copy("sanctions_list", {"id": NEW, "source": "'another'"} | changes)


def name(**changes: str) -> Copy:
    """A copy of a name on a list."""
    return Copy("sanctions_name", {"line": NEW[:6]} | changes)


def paper(**changes: str) -> Copy:
    """A copy of a paper, with another content."""
    fresh = OTHER | {"number": "2", "sha256": "encode(sha256('y'), 'hex')"}
    return Copy("compliance_document", fresh | changes)


def number(**changes: str) -> Copy:
    """A copy of a tax number."""
    return Copy("tax_number", OTHER | changes)


HARMS: dict[str, Harm] = {
    "compliance_document.compliance_document_pkey": paper(id="id"),
    "compliance_document.compliance_document_uid_key": paper(uid="uid"),
    "compliance_document.compliance_document_organization_id_fkey": paper(organization_id=NEW),
    "compliance_document.compliance_document_few": (paper(number="0"), paper(number="101")),
    "compliance_document.compliance_document_counted": paper(number="number"),
    "compliance_document.compliance_document_once": paper(sha256="sha256"),
    "compliance_document.compliance_document_name": (paper(name="''"), paper(name="'../a.pdf'")),
    "compliance_document.compliance_document_kind": paper(kind="'text/html'"),
    "compliance_document.compliance_document_size": (
        paper(size="0"),
        paper(size="5000001", content="convert_to(rpad('gAAAA', 5000002, 'x'), 'UTF8')"),
    ),
    "compliance_document.compliance_document_sha256": paper(sha256="'none'"),
    "compliance_document.compliance_document_sealed": (
        paper(content="'%PDF-1.7'"),
        paper(size="6"),
        paper(key_id="''"),
    ),
    "compliance_document.compliance_document_kept": (
        "UPDATE compliance_document SET name = 'b.pdf'",
        "DELETE FROM compliance_document",
    ),
    "compliance_document.compliance_document_no_truncate": "TRUNCATE compliance_document",
    "tax_number.tax_number_pkey": number(id="id"),
    "tax_number.tax_number_uid_key": number(uid="uid"),
    "tax_number.tax_number_organization_id_fkey": number(organization_id=NEW),
    "tax_number.tax_number_hint": (number(hint="'SE556000000001'"), number(hint="'…00001'")),
    "tax_number.tax_number_sealed": (number(content="'SE556000000001'"), number(key_id="''")),
    "tax_number.tax_number_kept": ("UPDATE tax_number SET hint = '…0002'", "DELETE FROM tax_number"),
    "tax_number.tax_number_no_truncate": "TRUNCATE tax_number",
    "compliance_step.compliance_step_no_tax_number": (
        step(evidence="""'[{"text": "Tax number: SE556000000001"}]'"""),
        step(evidence="""'[{"text": "Party: company"}, {"text": " tax NUMBER :1"}]'"""),
    ),
    "compliance_step.compliance_step_pkey": step(id="id"),
    "compliance_step.compliance_step_uid_key": step(uid="uid"),
    "compliance_step.compliance_step_organization_id_fkey": step(organization_id=NEW),
    "compliance_step.compliance_step_is_sound": (
        step(kind="'FACE'"),
        step(state="'ACCEPTED'"),
        step(form="'W-9'"),
        step(kind="'TAX_FORM'"),
        step(withholding_bps="1"),
        step(state="'VERIFIED'", made_by="NULL"),
        step(state="'REFUSED'", reason="''"),
    ),
    "compliance_step.compliance_step_append_only": "UPDATE compliance_step SET reason = 'another'",
    "compliance_step.compliance_step_no_truncate": "TRUNCATE compliance_step",
    "screening.screening_pkey": screening(id="id"),
    "screening.screening_uid_key": screening(uid="uid"),
    "screening.screening_organization_id_fkey": screening(organization_id=NEW),
    "screening.screening_score_check": screening(score="1.1"),
    "screening.screening_is_sound": (
        screening(state="'PERHAPS'"),
        screening(matched="'Somebody'"),
        screening(state="'HIT'"),
        screening(state="'DISMISSED'", matched="'Somebody'", reason="'No'", made_by="NULL"),
        screening(state="'CONFIRMED'", matched="'Somebody'", made_by="gen_random_uuid()"),
    ),
    "screening.screening_append_only": "DELETE FROM screening",
    "screening.screening_no_truncate": "TRUNCATE screening",
    "sanctions_list.sanctions_list_pkey": listed(id="id"),
    "sanctions_list.sanctions_list_sha256_check": listed(sha256="'none'"),
    "sanctions_list.sanctions_list_names_check": listed(names="0"),
    "sanctions_list.sanctions_list_source_sha256_key": listed(source="source"),
    "sanctions_list.sanctions_list_append_only": "UPDATE sanctions_list SET dated = '2001-01-01'",
    "sanctions_name.sanctions_name_pkey": name(line="line"),
    "sanctions_name.sanctions_name_list_id_fkey": name(list_id=NEW),
    "sanctions_name.sanctions_name_name_check": name(name="''"),
    "sanctions_name.sanctions_name_words_check": name(words="'{}'"),
    "sanctions_name.sanctions_name_append_only": "DELETE FROM sanctions_name",
    "money_freeze.money_freeze_pkey": frozen(id="id"),
    "money_freeze.money_freeze_uid_key": frozen(uid="uid"),
    "money_freeze.money_freeze_organization_id_fkey": frozen(organization_id=NEW),
    "money_freeze.money_freeze_account_id_fkey": frozen(account_id=NEW),
    "money_freeze.money_freeze_approval_id_key": frozen(
        approval_id="(SELECT max(approval_id) FROM money_freeze)",
        ended_at="now()",
        released="frozen",
    ),
    "money_freeze.money_freeze_approval_id_fkey": frozen(
        approval_id=NEW, ended_at="now()", released="frozen"
    ),
    "money_freeze.money_freeze_reason_check": frozen(reason="''"),
    "money_freeze.money_freeze_frozen_check": frozen(frozen="'NaN'"),
    "money_freeze.freeze_is_sound": (
        frozen(released="frozen + 1"),
        frozen(frozen="5", released="5"),
        frozen(ended_at="now()", released="frozen"),
        frozen(approval_id="1"),
    ),
    "money_freeze.freeze_one_open": frozen(
        account_id="account_id", ended_at="NULL", approval_id="NULL", released="0"
    ),
}
