"""
A stand-in for Stripe that speaks its HTTP interface: stateful, with hosted pages and signed webhooks.

It moves no money and says so on every page. What it answers has the shapes of Stripe's OpenAPI description;
the published SDK is its only client.
"""

API_VERSION = "2026-10-28.endive"
