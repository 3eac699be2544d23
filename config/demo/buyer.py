"""What the demo's buyer does: the unmodified `openai` SDK with another address and another key."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from openai import OpenAI
from openai.types import CompletionUsage

from config.demo.steps import StepFailed

QUESTION = "In two sentences: why is solar power cheap at noon?"
RUN_QUESTION = "Say one short sentence about electricity number {number}."
RUN_REQUESTS = 12
KILL_DURING = 5
KILL_AFTER_SECONDS = 0.08
OUTPUT_TOKENS_MAX = 60
METADATA = {"x-jouleport-metadata": "enabled"}


@dataclass(slots=True)
class Purse:
    """
    What the answers said: their cost, to be compared with what the wallet lost, the sites' names, and which
    of them was chosen.
    """

    spent: Decimal = Decimal(0)
    currency: str = ""
    sites: dict[str, str] = field(default_factory=dict)
    chosen: str = ""

    def pay(self, usage: CompletionUsage) -> None:
        """Note the cost an answer names; the string rules, the number beside it repeats it."""
        extra = usage.model_extra or {}
        self.spent += Decimal(extra["cost_amount"])
        self.currency = extra["currency"]


def ask_plain(client: OpenAI, model: str, purse: Purse) -> None:
    """One chat completion, with who was chosen and why the others were not."""
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": QUESTION}],
        max_tokens=OUTPUT_TOKENS_MAX,
        extra_headers=METADATA,
    )
    _show_text(answer.choices[0].message.content or "")
    match = (answer.model_extra or {}).get("jouleport") or {}
    _show_match(match)
    purse.sites = {candidate["site"]: candidate["site_name"] for candidate in match["candidates"]}
    purse.chosen = next(
        candidate["site_name"]
        for candidate in match["candidates"]
        if candidate["offer"] == match["chosen"]["offer"]
    )
    usage = _require_usage(answer.usage)
    _show_usage(usage)
    purse.pay(usage)


def ask_streamed(client: OpenAI, model: str, purse: Purse) -> None:
    """The same, streamed; the last chunk carries usage, cost, energy and carbon."""
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": QUESTION}],
        max_tokens=OUTPUT_TOKENS_MAX,
        stream=True,
        stream_options={"include_usage": True},
    )
    usage: CompletionUsage | None = None
    finish: str | None = None
    print("    ", end="")
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            print((choice.delta.content or "").replace("\n", " "), end="", flush=True)
    print()
    _require(finish is not None, "the stream ended without a finish reason")
    paid = _require_usage(usage)
    _show_usage(paid)
    purse.pay(paid)


def ask_while_killing(
    client: OpenAI, model: str, purse: Purse, kill: Callable[[], None]
) -> dict[str, list[int]]:
    """
    A run of requests, in the middle of which the cheapest agent is killed; which site served which request.

    :raises StepFailed: if traffic did not move
    """
    served: dict[str, list[int]] = {}
    for number in range(1, RUN_REQUESTS + 1):
        if number == KILL_DURING:
            print(
                "    -- the cheapest agent is killed (SIGKILL) while the next request runs on it --",
                flush=True,
            )
            threading.Timer(KILL_AFTER_SECONDS, kill).start()
        raw = client.chat.completions.with_raw_response.create(
            model=model,
            messages=[{"role": "user", "content": RUN_QUESTION.format(number=number)}],
            max_tokens=OUTPUT_TOKENS_MAX if number == KILL_DURING else 16,
        )
        answer = raw.parse()
        usage = _require_usage(answer.usage)
        purse.pay(usage)
        site = purse.sites[raw.headers["x-jouleport-site"]]
        served.setdefault(site, []).append(number)
        print(f"    request {number:2}  {site:24} {_cost(usage)}", flush=True)
    before = {site for site, numbers in served.items() if min(numbers) < KILL_DURING}
    after = {site for site, numbers in served.items() if max(numbers) >= KILL_DURING}
    _require(len(before) == 1 and not before & after, f"traffic did not move: {served}")
    return served


def _require(true: bool, otherwise: str) -> None:
    if not true:
        raise StepFailed(otherwise)


def _require_usage(usage: CompletionUsage | None) -> CompletionUsage:
    if usage is None:
        raise StepFailed("the answer carries no usage")
    return usage


def _show_text(text: str) -> None:
    print("    " + " ".join(text.split()))


def _show_match(match: dict[str, Any]) -> None:
    if not match.get("chosen"):
        raise StepFailed("the answer does not say who was chosen")
    for candidate in match["candidates"]:
        if candidate["offer"] == match["chosen"]["offer"]:
            reason = "chosen"
        else:
            reason = candidate["excluded_by"] or "dearer"
        cost = f"{candidate['expected_cost']} {candidate['currency']}"
        print(f"    {candidate['site_name']:24} expected {cost:>28}  {reason}")


def _cost(usage: CompletionUsage) -> str:
    extra = usage.model_extra or {}
    return f"{extra['cost_amount']} {extra['currency']}"


def _show_usage(usage: CompletionUsage) -> None:
    extra = usage.model_extra or {}
    energy, carbon = extra["energy"], extra["carbon"]
    sold = extra.get("conversion")
    exchange = f" for {sold['amount']} {sold['currency']} at {sold['rate']}" if sold else ""
    print(
        f"    {usage.prompt_tokens} tokens in, {usage.completion_tokens} out, "
        f"{extra['chip_seconds']} chip-seconds\n"
        f"    cost {_cost(usage)}{exchange}\n"
        f"    energy {energy['joules']} J (tier {energy['tier']}, {energy['attribution']}), "
        f"{energy['kwh']} kWh at the meter\n"
        f"    carbon {carbon['gco2e']} gCO2e by the grid, "
        f"{(carbon['market'] or {}).get('gco2e', 'nothing')} by contract; heat {energy['heat_kwh']} kWh"
    )
