"""What can go wrong in a demo."""


class StepFailed(Exception):
    """Something the demo shows was not true."""
