"""Pages on which buyers find their statements and invoices."""
