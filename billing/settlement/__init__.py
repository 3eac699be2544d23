"""What providers are owed, agreed to by two people, and followed until it has arrived."""
