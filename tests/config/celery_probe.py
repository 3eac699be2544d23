"""A Celery app for tests: ours, with one task that is woken each second and one that takes its time."""

import os
import time

import redis

from config.celery import app

app.conf.beat_schedule = {"note": {"task": "probe.note", "schedule": 1, "options": {"expires": 5}}}
app.conf.task_routes = {}
app.conf.broker_transport_options = {**app.conf.broker_transport_options, "visibility_timeout": 2}


def _client() -> redis.Redis:
    return redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


@app.task(name="probe.note")  # type: ignore[untyped-decorator, unused-ignore]
def note() -> None:
    """Count a wake-up, and do the work that waits: each piece once, however many wake-ups there are."""
    with _client() as client:
        client.incr("wake-ups")
        while (piece := client.lpop("waiting")) is not None:
            client.rpush("done", str(piece))


@app.task(name="probe.linger")  # type: ignore[untyped-decorator, unused-ignore]
def linger() -> None:
    """Say that a try began; the first one does not end by itself."""
    with _client() as client:
        if int(client.incr("tries")) == 1:
            time.sleep(50)
        client.set("finished", "yes")
