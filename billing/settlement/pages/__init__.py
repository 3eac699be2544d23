"""Pages on which providers follow what they are paid."""
