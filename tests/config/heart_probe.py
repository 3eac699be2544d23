"""Our Celery app with nothing but heartbeats, each second."""

from config.celery import HEARTBEAT, app

app.conf.beat_schedule = {
    name: {**entry, "schedule": 1, "options": {**entry["options"], "expires": 5}}
    for name, entry in app.conf.beat_schedule.items()
    if entry["task"] == HEARTBEAT
}
