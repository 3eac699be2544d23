"""What buyers are told of their money: statements, invoices, credit notes."""
