"""What providers see of self-billing."""
