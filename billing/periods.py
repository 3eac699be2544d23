"""Periods of spending limits: UTC's days, weeks from Monday, months, or all of time. Pure."""

from datetime import datetime, timedelta


def find_start(period: str, *, now: datetime) -> datetime | None:
    """When the period that `now` lies in began; None for a lifetime. `now` is in UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case "DAILY":
            return midnight
        case "WEEKLY":
            return midnight - timedelta(days=midnight.weekday())
        case "MONTHLY":
            return midnight.replace(day=1)
        case "LIFETIME":
            return None
    raise ValueError(f"{period} is no period")


def find_end(period: str, *, now: datetime) -> datetime | None:
    """When that period ends and the next begins; None for a lifetime."""
    start = find_start(period, now=now)
    if start is None:
        return None
    if period == "MONTHLY":
        # A month has at most 31 days, and the 1st plus 32 days is in the next one.
        return (start + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if period == "WEEKLY" else 1)
