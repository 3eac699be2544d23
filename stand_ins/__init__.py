"""Programs that stand in for others' at a desk and in tests. Each says what it is; none moves money."""
