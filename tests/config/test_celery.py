"""Celery is set up so that nothing is lost or done twice in a way that matters."""

import pytest

from config import celery

CONFIGURATION = celery.configuration("redis://127.0.0.1:6379/0")


def test_unfinished_work_is_given_back_soon() -> None:
    assert CONFIGURATION["broker_transport_options"] == {
        "visibility_timeout": 300,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
    assert CONFIGURATION["task_acks_late"]
    assert CONFIGURATION["task_reject_on_worker_lost"]


def test_no_task_outlives_its_visibility() -> None:
    assert (
        CONFIGURATION["task_time_limit"]
        <= 60
        < CONFIGURATION["broker_transport_options"]["visibility_timeout"]
    )


def test_results_are_kept_nowhere() -> None:
    assert CONFIGURATION["result_backend"] is None
    assert CONFIGURATION["task_ignore_result"]
    assert celery.app.conf.result_backend is None


def test_scheduled_tasks_carry_no_facts() -> None:
    for wake_up in CONFIGURATION["beat_schedule"].values():
        assert set(wake_up) == {"task", "schedule", "options"}
        assert wake_up["options"]["expires"] >= wake_up["schedule"]


@pytest.mark.parametrize(
    ("redis_url", "broker"),
    [
        ("redis://:pw@host:6379/2", "redis://:pw@host:6379/2"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
    ],
)
def test_speaks_to_redis_where_it_is(redis_url: str, broker: str) -> None:
    assert celery.broker_url(redis_url) == broker
