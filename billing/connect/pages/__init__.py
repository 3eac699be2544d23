"""Pages on which providers open their account at Stripe."""
