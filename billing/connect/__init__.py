"""Stripe Connect: providers' accounts at Stripe, and the rail that pays there."""
