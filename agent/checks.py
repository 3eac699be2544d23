"""`jouleport-agent check`: what this machine would offer and earn, and what is wrong. It changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from agent import energy, enrolment, logs, protocol, running, settings, terminal, upstream
from agent.exits import Exit

MEASURE_SECONDS = 1.0
CLOCK_SECONDS_MAX = 5.0
RELAY_SECONDS_MAX = 5.0
EXCHANGE_VARIABLE = f"{settings.ENVIRONMENT_PREFIX}EXCHANGE"


@dataclass(slots=True)
class Findings:
    """What was found: facts for people and programs, and what is wrong."""

    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def show(arguments: list[str]) -> int:
    """Look at everything; gives the exit code."""
    parser = settings.make_parser(os.environ, command="check")
    parser.add_argument(
        "--exchange",
        default=os.environ.get(EXCHANGE_VARIABLE),
        help="the exchange's web address; an enrolled agent knows it",
    )
    given = parser.parse_args(arguments)
    logs.configure(quiet=True)
    wanted = settings.settle(given)
    found = Findings()
    asyncio.run(_look_at_upstream(wanted, found))
    _look_at_energy(wanted, found)
    _look_at_disk(wanted, found)
    _look_at_relay(wanted, found)
    _look_at_market(wanted, given.exchange or wanted.exchange, found)
    if given.json:
        report = {**found.facts, "problems": found.problems, "warnings": found.warnings}
        terminal.say(json.dumps(report, indent=1))
    else:
        _print(found)
    return Exit.PROBLEMS if found.problems else Exit.DRAINED


def _print(found: Findings) -> None:
    for name, text in found.lines:
        terminal.say(f"{name:<12}{text}")
    for text in found.warnings:
        terminal.say(f"{terminal.mark('note', 'warn')}        {text}")
    for text in found.problems:
        terminal.say(f"{terminal.mark('problem', 'bad')}     {text}")
    if not found.problems:
        terminal.say(terminal.mark("ready", "good"))


async def _look_at_upstream(wanted: settings.Settings, found: Findings) -> None:
    server = upstream.Upstream(url=wanted.upstream, key=wanted.upstream_key)
    models: list[str] = []
    try:
        models = await server.list_models()
    except upstream.UpstreamLost as error:
        found.problems.append(f"the model server at {wanted.upstream} does not answer: {error}")
    finally:
        await server.close()
    if models:
        found.lines.append(("models", f"{', '.join(models)}  at {wanted.upstream}"))
    found.facts["models"] = models
    found.facts["offered"] = {"slots": wanted.slots, "chips": wanted.chips}
    found.lines.append(("offers", f"{wanted.slots} jobs at once on {wanted.chips} chip(s)"))


def _look_at_energy(wanted: settings.Settings, found: Findings) -> None:
    """Measure for a moment with the best sensors there are."""
    meter = running.make_meter(wanted)
    started = time.monotonic_ns()
    meter.take(meter.read_sensors(), now_ns=started)
    before = meter.reading(now_ns=started).microjoules
    time.sleep(MEASURE_SECONDS)
    ended = time.monotonic_ns()
    meter.take(meter.read_sensors(), now_ns=ended)
    watts = (meter.reading(now_ns=ended).microjoules - before) * 1000 / (ended - started)
    told = meter.describe() | {"watts": round(watts, 1)}
    found.facts["energy"] = told
    by = ", ".join(told["sources"]) or "declared watts"
    found.lines.append(("energy", f"{by}: {told['tier']} ({told['level']}), {watts:.0f} W now"))
    for loss in told["lost"]:
        found.warnings.append(f"{loss['source']} cannot be used: {loss['reason']}")
    if meter.tier == "declared":
        text = f"{wanted.watts_idle:g} W idle, {wanted.watts_busy:g} W busy"
        found.warnings.append(f"no counter is readable: buyers see declared figures ({text})")
    elif watts > energy.CEILING_TIMES * wanted.watts_busy:
        found.warnings.append(f"it draws {watts:.0f} W, far above the declared {wanted.watts_busy:g} W")


def _look_at_disk(wanted: settings.Settings, found: Findings) -> None:
    folder = next((each for each in (wanted.state, *wanted.state.parents) if each.exists()), None)
    if folder is None or not os.access(folder, os.W_OK):
        found.problems.append(f"the state folder {wanted.state} cannot be written")
        return
    free = shutil.disk_usage(folder).free
    found.facts["disk"] = {"free_bytes": free, "journal_bytes_max": wanted.journal_bytes}
    found.lines.append(
        ("disk", f"{free / 1e9:.1f} GB free, {wanted.journal_bytes / 1e6:.0f} MB at most for receipts")
    )
    if free < wanted.journal_bytes:
        found.warnings.append("less disk is free than receipts may need: no jobs are taken once it is full")


def _look_at_relay(wanted: settings.Settings, found: Findings) -> None:
    """Look whether it answers, without connecting as the agent: that would end a running one."""
    parts = urlsplit(wanted.market)
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    path = parts.path.removesuffix(settings.AGENT_PATH) + "/healthz"
    url = urlunsplit((scheme, parts.netloc, path, "", ""))
    found.facts["relay"] = wanted.market
    try:
        httpx.get(url, timeout=RELAY_SECONDS_MAX).raise_for_status()
    except httpx.HTTPError as error:
        found.problems.append(f"the relay {wanted.market} does not answer: {error}")
    else:
        found.lines.append(("relay", wanted.market))


def _look_at_market(wanted: settings.Settings, exchange: str | None, found: Findings) -> None:
    if not exchange:
        found.warnings.append("the exchange's web address is not known (--exchange): no prices shown")
        return
    try:
        told, seconds = enrolment.read_market(exchange, token=wanted.token)
    except (enrolment.MarketUnreachable, enrolment.EnrolmentRefused) as error:
        found.problems.append(str(error))
        return
    except enrolment.TokenRefused as error:
        found.problems.append(f"the exchange refuses the token: {error}")
        return
    _look_at_clock(told, seconds, found)
    found.facts["market"] = told
    found.lines.append(
        ("node", f"{told['name']} of {told['organization']} at {told['site']}: {told['state'].lower()}")
    )
    if told["state"] != "ACTIVE":
        found.problems.append(f"the node is {told['state'].lower()}: no jobs are sent to it")
    if not set(told["protocols"]) & {protocol.VERSION, protocol.VERSION_MIN}:
        found.problems.append(f"the exchange speaks agent protocol {told['protocols']}: update the agent")
    if told["chips"] != wanted.chips:
        found.warnings.append(f"the node has {told['chips']} chip(s) there, here --chips says {wanted.chips}")
    if not told["offers"]:
        found.problems.append("no offer is served by this node: bind one to it")
    for offer in told["offers"]:
        _look_at_offer(offer, found)


def _look_at_clock(told: dict[str, Any], seconds: float, found: Findings) -> None:
    theirs = datetime.fromisoformat(told["now"]) + timedelta(seconds=seconds / 2)
    offset = (datetime.now(UTC) - theirs).total_seconds()
    found.facts["clock_offset_seconds"] = round(offset, 3)
    found.lines.append(("clock", f"{offset:+.2f} s against the exchange"))
    if abs(offset) > CLOCK_SECONDS_MAX:
        found.problems.append(f"the clock is off by {offset:.0f} s: receipts would carry wrong times")


def _look_at_offer(offer: dict[str, Any], found: Findings) -> None:
    live = offer["state"] == "LIVE"
    name = f"{offer['model']} ({offer['state'].lower()}, {offer['slots']} slots)"
    found.lines.append(("offer", terminal.mark(name, "good" if live else "warn")))
    if not live:
        found.warnings.append(f"the offer of {offer['model']} is not live: nobody can buy it")
    if found.facts["models"] and offer["upstream_model"] not in found.facts["models"]:
        found.problems.append(
            f"the model server has no {offer['upstream_model']}, which {offer['model']} needs"
        )
    card, earning = offer["card"], offer["earning"]
    if card is None or earning is None:
        found.problems.append(f"the offer of {offer['model']} has no price card")
        return
    money = card["currency"]
    for line in card["breakdown"].get("lines", ()):
        price = _price_of(line, offer["unit"])
        found.lines.append(("", f"  {line['line']:<22}{price:>20} {money} {_unit(offer['unit'])}"))
    if offer["unit"] == "TOKEN":
        for kind in ("input", "cached_input", "output"):
            text = f"  you get, {kind.replace('_', ' '):<13}{earning[f'per_million_{kind}']:>20}"
            found.lines.append(("", f"{text} {money} per million tokens"))
        speed = f"at {earning['tokens_per_second']} tokens a second"
    else:
        found.lines.append(("", f"  you get {earning['per_chip_hour']:>34} {money} per chip-hour"))
        speed = "with every chip at work"
    text = f"  you get {earning['per_busy_hour']:>34}"
    found.lines.append(("", f"{text} {money} per busy hour, {speed}"))


def _price_of(line: dict[str, Any], unit: str) -> str:
    return str(line["per_million_tokens"]["output"] if unit == "TOKEN" else line["per_chip_second"])


def _unit(unit: str) -> str:
    return "per million output tokens" if unit == "TOKEN" else "per chip-second"
