"""Claims about answers: one that waits with a file, one that one operator decided, and one that took two."""

from typing import Any

import psycopg

from tests.billing.exchange import fetch

Connection = psycopg.Connection[Any]

OPEN = """
INSERT INTO answer_claim (uid, job_id, organization_id, provider_id, reason, text, evidence, state, opened_at,
                          answer, currency, borne_by, decision)
SELECT gen_random_uuid(), j.id, j.organization_id, o.organization_id, 'WRONG', 'Wrong.', '', 'OPEN', now(),
       '', 'USD', '', ''
  FROM job j JOIN attempt a ON a.job_id = j.id JOIN offer o ON o.id = a.offer_id ORDER BY j.id LIMIT 3
RETURNING id, uid
"""
SHOW = """
INSERT INTO claim_evidence (uid, claim_id, side, name, kind, size, sha256, content, added_at)
VALUES (gen_random_uuid(), %s, 'BUYER', 'a.txt', 'text/plain', 1, encode(sha256('a'), 'hex'), 'a', now())
RETURNING id
"""
DECIDE = """
UPDATE answer_claim SET state = 'DECIDED', closed_at = now(), decision = 'It was.', credit = 5,
       borne_by = 'PROVIDER', alone_max = %s, decided_by_id = (SELECT id FROM accounts_user WHERE uid = %s),
       approved_by_id = (SELECT id FROM accounts_user WHERE uid = %s) WHERE id = %s RETURNING id
"""
ASK = """
SELECT approval_id FROM request_approval_v1(
    gen_random_uuid(), 'claim_credit', %s, '{"borne_by":"PROVIDER","credit":"5"}', %s, now())
"""
APPROVE = "SELECT decide_approval_v1(id, 'APPROVED', sha256, %s, '', now()) FROM approval WHERE id = %s"


def fill(app: Connection, ann: object, bob: object) -> None:
    """Three claims about work that was done."""
    waiting, alone, large = fetch(app, OPEN)
    fetch(app, SHOW, waiting["id"])
    fetch(app, DECIDE, 5, ann, None, alone["id"])
    [asked] = fetch(app, ASK, str(large["uid"]), ann)
    fetch(app, APPROVE, bob, asked["approval_id"])
    fetch(app, DECIDE, 1, ann, bob, large["id"])
