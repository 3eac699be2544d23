"""`jouleport-agent verify`: check receipts with a node's public key. It needs no exchange and no network."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from agent import proof, settings, terminal
from agent.exits import Exit
from agent.proof import Entry, Unproven, Verdict

DEVIATIONS_MAX = 20
LIMITS = "not that the meter told the truth, nor what was signed after the last of them"


def show(arguments: list[str]) -> int:
    """Check what the files hold; gives the exit code."""
    given = _read_arguments(arguments)
    try:
        keys = [key for text in given.key for key in proof.read_keys(_read_if_file(text))]
        entries = [entry for name in given.files for entry in _read_entries(name)]
    except (Unproven, OSError, UnicodeDecodeError) as error:
        return _refuse([str(error)], given)
    except RecursionError:
        return _refuse(["it is nested too deeply"], given)
    if not entries:
        return _refuse(["there is no receipt in it"], given)
    verdict = proof.verify(entries, keys=keys, chained=not given.picked)
    if given.count is not None and len(verdict.receipts) != given.count:
        verdict.deviations.append(
            f"{given.count} receipts were expected, and {len(verdict.receipts)} are proven"
        )
    if verdict.deviations:
        return _refuse(verdict.deviations, given)
    facts = describe(verdict, chained=not given.picked)
    if given.json:
        terminal.say(json.dumps({"proven": True} | facts, indent=1))
    else:
        _print(facts)
    return Exit.DRAINED


def _read_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="jouleport-agent verify",
        description=settings.COMMANDS["verify"],
        epilog="Exit codes: 0 proven, 1 not proven (the reasons are printed), 2 wrong options.",
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON with receipts as the exchange gives them; -"
    )
    parser.add_argument(
        "--key",
        action="append",
        required=True,
        help="the node's public key in base64 or hexadecimal, or a file with it or with the exchange's JSON;"
        " may be given again",
    )
    parser.add_argument("--count", type=int, help="how many receipts there must be")
    parser.add_argument(
        "--picked", action="store_true", help="they were picked out, and need not follow one another"
    )
    settings.add_output(parser)
    return parser.parse_args(arguments)


def _read_if_file(text: str) -> str:
    try:
        return Path(text).read_text() if Path(text).is_file() else text
    except OSError:
        return text


def _read_entries(name: str) -> list[Entry]:
    text = sys.stdin.read() if name == "-" else Path(name).read_text()
    return [entry for document in proof.read_documents(text) for entry in proof.find_entries(document)]


def describe(verdict: Verdict, *, chained: bool) -> dict[str, Any]:
    """What the receipts prove, for programs."""
    receipts = verdict.receipts
    first, last = receipts[0], receipts[-1]
    return {
        "receipts": len(receipts),
        "keys": sorted({one.key_id for one in receipts}),
        "chain": {"follows": first.previous, "first": first.digest, "last": last.digest} if chained else None,
        "joules": str(sum((one.joules for one in receipts), Decimal(0))),
        "tiers": dict(sorted(Counter(one.tier for one in receipts).items())),
        "tokens": {name: sum(one.tokens[name] or 0 for one in receipts) for name in ("in", "cached", "out")},
        "from": min(one.started_at for one in receipts).isoformat(),
        "to": max(one.ended_at for one in receipts).isoformat(),
        "not_proven": LIMITS,
    }


def _print(facts: dict[str, Any]) -> None:
    tokens, chain = facts["tokens"], facts["chain"]
    tiers = ", ".join(f"{count} {tier}" for tier, count in facts["tiers"].items())
    signed = f"{facts['receipts']} receipt(s), signed with {', '.join(facts['keys'])}"
    terminal.say(f"{terminal.mark('proven', 'good')}      {signed}")
    lines = [
        ("joules", f"{facts['joules']} ({tiers})"),
        ("tokens", f"{tokens['in']} in, {tokens['cached']} of them cached, {tokens['out']} out"),
        ("time", f"{facts['from']} to {facts['to']}"),
    ]
    if chain is not None:
        begins = f"after {chain['follows']}" if chain["follows"] else "with the agent's first receipt"
        lines.append(("chain", f"unbroken; begins {begins}"))
        lines.append(("last", chain["last"]))
    lines.append(("but", facts["not_proven"]))
    for name, text in lines:
        terminal.say(f"{name:<12}{text}")


def _refuse(reasons: list[str], given: argparse.Namespace) -> int:
    if given.json:
        terminal.say(json.dumps({"proven": False, "reasons": reasons[:DEVIATIONS_MAX]}, indent=1))
    for reason in reasons[:DEVIATIONS_MAX]:
        print(f"jouleport-agent: not proven: {reason}", file=sys.stderr)
    if len(reasons) > DEVIATIONS_MAX:
        print(f"jouleport-agent: and {len(reasons) - DEVIATIONS_MAX} more", file=sys.stderr)
    return Exit.NOT_PROVEN
