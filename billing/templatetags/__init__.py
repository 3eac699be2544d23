"""What pages about money are made of."""
