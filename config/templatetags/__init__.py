"""Tags of the operators' admin."""
