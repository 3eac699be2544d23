"""Money that comes in through Stripe: top-ups, refunds, disputes, and the mirror of our account there."""
