-- The chain of each agent's receipts: which receipt another one follows, and whether two follow the same.
CREATE INDEX receipt_link ON receipt (node_id, sha256(body));
CREATE INDEX receipt_follows ON receipt (node_id, previous_hash, id);
