"""Pages on which buyers pay in, follow what they paid, and have wallets filled by themselves."""
