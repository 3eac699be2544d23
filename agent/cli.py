"""`jouleport-agent`: run until told to stop, or one of its commands; exits with a code that says why."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from agent import checks, enrolment, logs, receipts, running, settings, status, terminal, verify
from agent.exits import AgentStopped, Exit

log = logging.getLogger("jouleport.agent")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent or one of its commands; gives the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands: dict[str, Callable[[list[str]], int]] = {
        "run": _run,
        "enroll": _enrol,
        "check": checks.show,
        "status": status.show,
        "unit": _print_unit,
        "verify": verify.show,
    }
    act = commands.get(given[0]) if given else None
    try:
        return _run(given) if act is None else act(given[1:])
    except settings.SettingRefused as error:
        return _report(Exit.OPTIONS, error)
    except receipts.StateUnusable as error:
        return _report(Exit.STATE_UNUSABLE, error)
    except enrolment.MarketUnreachable as error:
        return _report(Exit.MARKET_UNREACHABLE, error)
    except enrolment.TokenRefused as error:
        return _report(Exit.TOKEN_REFUSED, error)
    except enrolment.EnrolmentRefused as error:
        return _report(Exit.ENROLMENT_REFUSED, error)
    except AgentStopped as error:
        return _report(error.code, error)
    except BrokenPipeError:
        # Whoever read has seen enough; nothing may be written at the interpreter's end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DRAINED


def _run(arguments: list[str]) -> int:
    logs.configure()
    wanted = settings.read_settings(arguments)
    identity = receipts.load_identity(state=wanted.state, name=wanted.key_name)
    with running.hold(state=wanted.state, takeover=wanted.takeover) as predecessor:
        journal = receipts.Journal(state=wanted.state, identity=identity, bytes_max=wanted.journal_bytes)
        asyncio.run(running.run(wanted, identity, journal, predecessor))
    log.info("drained")
    return Exit.DRAINED


def _report(code: Exit, error: Exception) -> int:
    if code is not Exit.OPTIONS and logging.getLogger().handlers:
        log.error("stopped", extra={"exit_code": int(code), "reason": str(error)})
    print(f"jouleport-agent: {error}", file=sys.stderr)
    return code


def _enrol(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="jouleport-agent enroll",
        description=settings.COMMANDS["enroll"],
        epilog="Exit codes: 0 enrolled, 2 wrong options, 7 state unusable, 9 code refused, 11 exchange"
        " unreachable.",
    )
    parser.add_argument("code", help="the code, as the exchange shows it: JPE-…")
    variable = f"{settings.ENVIRONMENT_PREFIX}EXCHANGE"
    parser.add_argument(
        "--market", default=os.environ.get(variable), help=f"the exchange's web address, or {variable}"
    )
    settings.add_state(parser)
    settings.add_output(parser)
    given = parser.parse_args(arguments)
    if not given.market:
        raise settings.SettingRefused("--market is needed: the exchange's web address")
    if given.market.startswith("http:"):
        print("jouleport-agent: the token travels unencrypted: use https", file=sys.stderr)
    enrolled = enrolment.enrol(
        code=given.code,
        market=given.market,
        state=Path(given.state).expanduser(),
        now=datetime.now(UTC),
    )
    if given.json:
        facts = {
            "node": enrolled.node,
            "name": enrolled.name,
            "relay": enrolled.relay,
            "key": enrolled.key_name,
        }
        terminal.say(json.dumps(facts))
    else:
        terminal.say(f"enrolled as {enrolled.name} (node {enrolled.node})")
        terminal.say("next: jouleport-agent check --upstream http://127.0.0.1:8080/v1")
        terminal.say("an agent that runs already goes on until it is restarted or taken over from")
    return Exit.DRAINED


def _print_unit(arguments: list[str]) -> int:
    argparse.ArgumentParser(prog="jouleport-agent unit", description=settings.COMMANDS["unit"]).parse_args(
        arguments
    )
    text = resources.files("agent").joinpath("jouleport-agent@.service").read_text()
    terminal.say(text.replace("@PROGRAM@", str(Path(sys.argv[0]).resolve())).rstrip())
    return Exit.DRAINED
