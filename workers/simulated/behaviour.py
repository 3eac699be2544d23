"""
How one simulated answer behaves: how long, how fast, and what goes wrong with it.

Written as text in three places that all use one grammar: after a `+` in the model's name
(`simulated-small+truncate+after=3`), in the header `x-simulated-fault`, or sent to the control
address `POST /faults` for the next requests whatever they ask for.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

FAULTS: dict[str, str] = {
    "drop": "close the connection before any byte of the answer",
    "error500": "answer 500 with an error body",
    "busy": "answer 429 with Retry-After",
    "refuse": "answer 400 as a model server does for a request it cannot serve",
    "stall_head": "accept the request and send nothing for `seconds`",
    "stall_body": "send the head, then nothing for `seconds`",
    "stall_stream": "stop for `seconds` after `after` deltas",
    "truncate": "close the connection after `after` deltas, without finish_reason or [DONE]",
    "end_early": "end the answer properly at the HTTP level after `after` deltas, without finish_reason",
    "garbage": "send bytes that are not HTTP",
    "garbage_body": "send a body of bytes that are not text",
    "bad_json": "send a body (or a chunk) that is not JSON",
    "error_chunk": "send an error object as a chunk after `after` deltas",
    "no_usage": "never say how many tokens were used",
    "zero_usage": "say that zero tokens were used",
    "cumulative_usage": "repeat growing usage on every chunk",
    "over_report": "multiply every count in usage by `factor`",
    "ignore_limit": "emit `factor` times as many tokens as max_tokens allows",
    "no_done": "send finish_reason and usage, but no [DONE]",
    "close_after": "close the connection after the answer although keep-alive was promised",
    "drip": "send the answer one byte at a time",
    "huge_line": "send one line of `factor` mebibytes",
    "bad_call": "call a tool that was not offered, with arguments that are not JSON",
    "empty": "answer properly with no content at all",
}


class BehaviourUnknown(ValueError):
    """The text names no known fault or setting. The message says which word."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """
    `fault` is a key of FAULTS or empty. `after` counts deltas, `seconds` are of a stall, `factor` multiplies,
    `tokens` is the natural length of the answer, `rate` its tokens per second (0: as fast as possible).
    """

    fault: str = ""
    after: int = 3
    seconds: float = 3600.0
    factor: int = 10
    tokens: int = 24
    rate: float = 0.0


NUMBERS = {field.name: float if field.type == "float" else int for field in fields(Behaviour)[1:]}


def read_behaviour(text: str, *, base: Behaviour) -> Behaviour:
    """
    Read `truncate+after=3` into a behaviour, starting from `base`.

    :raises BehaviourUnknown: a word is neither a fault nor a setting
    """
    behaviour = base
    for word in filter(None, (part.strip() for part in text.split("+"))):
        name, is_setting, value = word.partition("=")
        if is_setting and name in NUMBERS:
            try:
                setting: dict[str, Any] = {name: NUMBERS[name](value)}
            except ValueError as error:
                raise BehaviourUnknown(f"{name} needs a number, not {value!r}") from error
            behaviour = replace(behaviour, **setting)
        elif not is_setting and (name in FAULTS or name == "none"):
            behaviour = replace(behaviour, fault="" if name == "none" else name)
        else:
            raise BehaviourUnknown(f"unknown word {word!r}; faults: {', '.join(FAULTS)}")
    return behaviour
