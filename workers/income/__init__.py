"""What providers earned by the ledger: by day, by site, by job, and all of it as a file."""
