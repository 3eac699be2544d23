"""Harms to claims about answers, and to the files that are shown for them."""

from tests.billing.harm import NEW, Copy, Harm

WAITS, ALONE, LARGE = "state = 'OPEN'", "credit = 5 AND alone_max = 5", "credit = 5 AND alone_max = 1"


def claim(of: str = WAITS, **changes: str) -> Copy:
    """A copy of a claim, about a job that nobody claimed about yet."""
    fresh = {"id": NEW, "uid": "gen_random_uuid()", "job_id": NEW}
    return Copy("answer_claim", fresh | changes, of)


def file(**changes: str) -> Copy:
    """A copy of a file with another content."""
    fresh = {"id": NEW, "uid": "gen_random_uuid()", "content": "'b'", "sha256": "encode(sha256('b'), 'hex')"}
    return Copy("claim_evidence", fresh | changes)


def change(what: str, of: str) -> str:
    """What somebody would have wanted a claim to be."""
    return f"UPDATE answer_claim SET {what} WHERE {of}"


def show(number: str, claim_id: str = "claim_id") -> str:
    """Several files more of one side."""
    return (
        "INSERT INTO claim_evidence (uid, claim_id, side, name, kind, size, sha256, content, added_at)"
        f" SELECT gen_random_uuid(), {claim_id}, side, n::text, kind, octet_length(n::text),"
        " encode(sha256(n::text::bytea), 'hex'), n::text::bytea, added_at"
        f" FROM claim_evidence, generate_series(1, {number}) n"
    )


HARMS: dict[str, Harm] = {
    "answer_claim.answer_claim_pkey": claim(id="id"),
    "answer_claim.answer_claim_uid_key": claim(uid="uid"),
    "answer_claim.answer_claim_job_id_key": claim(job_id="job_id"),
    "answer_claim.answer_claim_organization_id_d07ecf6d_fk_accounts_": claim(organization_id=NEW),
    "answer_claim.answer_claim_provider_id_e2c81cc3_fk_accounts_organization_id": claim(provider_id=NEW),
    "answer_claim.answer_claim_decided_by_id_51693a50_fk_accounts_user_id": claim(ALONE, decided_by_id=NEW),
    "answer_claim.answer_claim_is_sound": (
        claim(text="''"),
        claim(answer="'So it did.'"),
        claim(answered_at="now()"),
        claim(state="'ANSWERED'"),
        claim(state="'CLOSED'"),
        claim(state="'WITHDRAWN'"),
        claim(closed_at="now()"),
        claim(credit="1"),
        claim(ALONE, decided_by_id="NULL"),
        claim(ALONE, decision="''"),
        claim(ALONE, borne_by="''"),
        claim(ALONE, credit="0"),
        claim(ALONE, credit="-1"),
        claim(ALONE, credit="NULL"),
        claim(ALONE, borne_by="'NOBODY'"),
    ),
    "answer_claim.answer_claim_by_two": claim(ALONE, credit="6"),
    "answer_claim.answer_claim_history": (
        change("text = 'It is right.'", WAITS),
        change("decision = 'It was not.'", ALONE),
        change("evidence = 'More.'", WAITS),
    ),
    "answer_claim.answer_claim_kept": f"DELETE FROM answer_claim WHERE {ALONE}",
    "answer_claim.answer_claim_no_truncate": "TRUNCATE answer_claim CASCADE",
    "answer_claim.answer_claim_approved": (
        claim(LARGE, credit="6"),
        claim(LARGE, borne_by="'PLATFORM'"),
        claim(LARGE),
    ),
    "claim_evidence.claim_evidence_pkey": file(id="id"),
    "claim_evidence.claim_evidence_uid_key": file(uid="uid"),
    "claim_evidence.claim_evidence_claim_id_fkey": file(claim_id=NEW),
    "claim_evidence.claim_evidence_once": file(content="content", sha256="sha256"),
    "claim_evidence.claim_evidence_side": file(side="'OPERATOR'"),
    "claim_evidence.claim_evidence_name": (file(name="''"), file(name="'../a'"), file(name="E'a\\n'")),
    "claim_evidence.claim_evidence_kind": file(kind="'text/html'"),
    "claim_evidence.claim_evidence_size": (
        file(size="2"),
        file(size="0", content="''", sha256="encode(sha256(''), 'hex')"),
        file(
            size="2000001",
            content="repeat('a', 2000001)::bytea",
            sha256="encode(sha256(repeat('a', 2000001)::bytea), 'hex')",
        ),
    ),
    "claim_evidence.claim_evidence_sha256": file(sha256="repeat('0', 64)"),
    "claim_evidence.claim_evidence_few": (
        show("5"),
        show("1", f"(SELECT id FROM answer_claim WHERE {ALONE})"),
    ),
    "claim_evidence.claim_evidence_kept": (
        "UPDATE claim_evidence SET name = 'b.txt'",
        "DELETE FROM claim_evidence",
    ),
    "claim_evidence.claim_evidence_no_truncate": "TRUNCATE claim_evidence",
}
