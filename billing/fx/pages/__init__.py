"""Pages on which buyers exchange money between their wallets."""
