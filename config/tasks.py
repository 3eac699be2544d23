"""The task that proves that tasks run."""

from typing import Any

from celery import Task, shared_task
from django.db import connection

from config import heartbeat


@shared_task(name="config.tasks.beat_heart", bind=True)
def beat_heart(task: Task[..., None], **_: Any) -> None:
    """Write down that this queue is served; by PostgreSQL's clock, and never back in time."""
    queue = (task.request.delivery_info or {}).get("routing_key", "default")
    with connection.cursor() as cursor:
        cursor.execute(heartbeat.BEAT, [queue, task.request.hostname or "unknown"])
