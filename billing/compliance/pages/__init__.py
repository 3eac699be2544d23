"""Pages on which providers hand in what has to be known before they are paid."""
