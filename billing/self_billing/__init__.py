"""Invoices that the platform issues in the name of providers, over what they sold to it."""
