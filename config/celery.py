"""
Celery: wake-ups, never facts.

Every task finds its own work in PostgreSQL, takes no arguments that matter, and may run twice or not at all:
the schedule asks again. So a lost message costs seconds, and a doubled beat costs nothing.
"""

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

from config import heartbeat
from config.observation import TaskObserver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# No task runs longer than a minute; Redis gives an unacknowledged one to somebody else after this.
VISIBILITY_SECONDS = 300
TASK_SECONDS_MAX = 60
HEARTBEAT = "config.tasks.beat_heart"

# name: (seconds between wake-ups, task). A wake-up nobody took before the next one is due is dropped.
SCHEDULE = {
    "billing.tasks.post_charges": 1,
    "billing.tasks.sequence_entries": 2,
    "billing.tasks.post_heat": 10,
    "billing.tasks.carry_out_settlements": 5,
    "billing.tasks.draft_settlements": 3600,
    "billing.tasks.send_connect_payouts": 30,
    "billing.tasks.follow_chain": 10,
    "billing.tasks.follow_payout_files": 60,
    "billing.tasks.handle_stripe_events": 2,
    "billing.tasks.recharge_wallets": 15,
    "billing.tasks.release_stripe": 60,
    "billing.tasks.sweep_stripe": 60,
    "billing.tasks.book_bank_lines": 30,
    "billing.tasks.reconcile": 3600,
    "billing.tasks.issue_invoices": 3600,
    "billing.tasks.issue_self_bills": 600,
    "billing.tasks.post_invoice_taxes": 60,
    "billing.tasks.screen_names": 300,
    "billing.tasks.freeze_more": 60,
    "workers.tasks.sweep_attempts": 5,
    "workers.tasks.compare_receipts": 10,
    "workers.tasks.measure_joules": 3600,
    "workers.tasks.count_site_days": 900,
    "workers.tasks.wake_dispatcher": 15,
    "workers.tasks.fold_spending": 10,
    "workers.tasks.warn_of_low_wallets": 3600,
    "workers.tasks.fold_income": 30,
    "workers.tasks.settle_prices": 300,
    "workers.tasks.sweep_blobs": 600,
    "workers.tasks.forget_replays": 3600,
    "billing.tasks.ensure_partitions": 3600,
    "billing.tasks.forget_networks": 3600,
    "billing.tasks.note_rates": 300,
    "billing.tasks.follow_positions": 5,
    "billing.tasks.revalue_positions": 3600,
    "marketplace.tasks.fetch_feeds": 60,
    "marketplace.tasks.refresh_quotes": 30,
    "marketplace.tasks.publish_cards": 30,
    "marketplace.tasks.follow_carbon": 60,
    "marketplace.tasks.award_lots": 10,
    "marketplace.tasks.follow_heat": 60,
    "marketplace.tasks.ensure_series_partitions": 3600,
}


def broker_url(redis_url: str) -> str:
    """Celery's name for a Redis address: a Unix socket has a scheme of its own there."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    number = next((part.removeprefix("db=") for part in query.split("&") if part.startswith("db=")), "0")
    return f"redis+socket://{path}?virtual_host={number}"


def configuration(redis_url: str) -> dict[str, Any]:
    """Every setting that differs from Celery's own."""
    return {
        "broker_url": broker_url(redis_url),
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_SECONDS,
            # By default work of a killed process is found again only after minutes.
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
        },
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "result_backend": None,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_time_limit": TASK_SECONDS_MAX,
        "task_soft_time_limit": TASK_SECONDS_MAX - 10,
        "task_default_queue": "default",
        # Money does not wait behind housekeeping.
        "task_routes": {"billing.tasks.*": {"queue": "billing"}, "workers.tasks.*": {"queue": "workers"}},
        "task_create_missing_queues": True,
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": 2000,
        "worker_soft_shutdown_timeout": 30,
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_send_task_events": False,
        "timezone": "UTC",
        "enable_utc": True,
        "beat_schedule": {**_schedule_work(), **_schedule_heartbeats()},
    }


def _schedule_work() -> dict[str, Any]:
    return {
        task: {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 5)}}
        for task, seconds in SCHEDULE.items()
    }


def _schedule_heartbeats() -> dict[str, Any]:
    options = {"expires": heartbeat.SECONDS}
    return {
        f"{HEARTBEAT}:{queue}": {
            "task": HEARTBEAT,
            "schedule": heartbeat.SECONDS,
            "options": {**options, "queue": queue},
        }
        for queue in heartbeat.QUEUES
    }


app = Celery("jouleport")
app.config_from_object(configuration(settings.REDIS_URL))
app.autodiscover_tasks()
TaskObserver(app).connect()


@setup_logging.connect  # type: ignore[untyped-decorator, unused-ignore]
def use_our_logs(**_: object) -> None:
    """Keep Celery from replacing the logging that Django configured."""
    logging.getLogger("celery").setLevel(logging.INFO)
