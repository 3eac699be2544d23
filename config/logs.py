"""
Structured logs: one JSON object a line, with the ids of the request and the job it belongs to.

Prompts and answers are never logged: a field that could carry one, or a credential, is blanked on its way
out, also when somebody logs it by mistake.
"""

import logging.config
import re
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from structlog.typing import EventDict, Processor, WrappedLogger

from core import request_ids

NEVER_LOGGED = frozenset(
    {
        "answer",
        "authorization",
        "body",
        "content",
        "cookie",
        "input",
        "messages",
        "output",
        "password",
        "prompt",
        "secret",
        "text",
        "ticket",
        "token",
    }
)
BLANK = "[not logged]"
KEY = re.compile(r"jp_(live|test|node)_[0-9A-Za-z]{36}")


def blank_private_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank fields that may hold what a buyer wrote, and any API key inside a string."""
    event.pop("color_message", None)  # uvicorn says everything twice
    for name, value in event.items():
        if name.lower() in NEVER_LOGGED:
            event[name] = BLANK
        elif isinstance(value, str) and "jp_" in value:
            event[name] = KEY.sub(BLANK, value)
    return event


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        blank_private_fields,
    ]


def logging_config(*, style: str, level: str) -> dict[str, Any]:
    """A `logging` configuration that sends everything to standard error; style is `json` or `console`."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared_processors(),
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # httpx names whole addresses at INFO, which may carry what a buyer wrote.
            "httpx": {"level": "WARNING"},
            # A wake-up each second is no news; what it found is logged by the task itself.
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Make `logging` and structlog write the same lines. Django calls this with settings.LOGGING."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _begin(request: HttpRequest) -> str:
    request_id = request_ids.accept_request_id(request.headers.get(request_ids.HEADER))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return request_id


@sync_and_async_middleware
def request_context(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: give each request an id, put it on its log lines and on its answer as x-request-id."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            request_id = _begin(request)
            awaitable: Awaitable[HttpResponseBase] = get_response(request)
            response = await awaitable
            response[request_ids.HEADER] = request_id
            return response

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        request_id = _begin(request)
        response: HttpResponseBase = get_response(request)
        response[request_ids.HEADER] = request_id
        return response

    return answer
