"""Free starts: who is given test money for the first time, and who has begun too often."""
