-- Months of payments and disputes are counted every few seconds: by index, however old the exchange is.
CREATE INDEX IF NOT EXISTS stripe_top_up_paid ON stripe_top_up (paid_at) WHERE paid_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS stripe_dispute_opened ON stripe_dispute (opened_at);
