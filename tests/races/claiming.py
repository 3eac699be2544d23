"""Races around claims about answers: each side shows few files, however many send one at once."""

from tests.billing.claim_books import OPEN
from tests.billing.exchange import fetch, fetch_value
from tests.races.interleaving import overlap
from tests.races.stage import Stage, call

SHOW = """
INSERT INTO claim_evidence (uid, claim_id, side, name, kind, size, sha256, content, added_at)
SELECT gen_random_uuid(), %s, 'BUYER', n::text, 'text/plain', 1, encode(sha256(n::text::bytea), 'hex'),
       n::text::bytea, now()
  FROM generate_series(%s::integer, %s::integer) n RETURNING 1
"""


def files_that_arrive_together_are_few(stage: Stage) -> bool:
    stage.admit(stage.lab)
    [claim] = fetch(stage.app, OPEN)
    fetch(stage.app, SHOW, claim["id"], 1, 4)
    outcome = overlap(stage.db, call(SHOW, claim["id"], 5, 5), call(SHOW, claim["id"], 6, 6))
    shown = fetch_value(stage.app, "SELECT count(*) FROM claim_evidence")
    return outcome.waited and outcome.error is not None and shown == 5
