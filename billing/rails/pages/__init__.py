"""Pages on which providers say where they want to be paid, and buyers see where to send USDC."""
