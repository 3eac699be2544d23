"""
The whole exchange at work, on this machine: `python -m config.demo` (`make demo`).

Starts everything `make up` starts, a model server, and three agents at three sites; sends a buyer through the
unmodified `openai` SDK; kills the cheapest agent in the middle; and ends with the books. `--once` stops then,
and the exit status is 0 only if every step was true.
"""

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import redis
from openai import OpenAI

from config import desk, env, trial, up
from config.demo import buyer
from config.demo.code import find_code
from config.demo.places import PLACES, Place
from config.demo.steps import StepFailed
from config.processes import Program
from config.supervisor import Supervisor, only_one

if TYPE_CHECKING:
    from config.demo.seed import Cast

MODEL_PORT = 8201
SIMULATED_TOKENS_PER_SECOND = 75
REAL_MODEL, SIMULATED_MODEL = "smollm2-135m-instruct", "simulated-small"
POSTED_SECONDS_MAX = 30.0
CONNECTED_SECONDS_MAX = 30.0

_started = time.monotonic()


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is going on, and how long it took."""
    began = time.monotonic()
    print(f"\n[{began - _started:5.1f} s] {text}", flush=True)
    yield
    print(f"    ({time.monotonic() - began:.1f} s)", flush=True)


def main() -> int:
    """Run the demo; the exit status."""
    parser = argparse.ArgumentParser(prog="demo", description="The whole exchange at work")
    parser.add_argument("--once", action="store_true", help="stop after one round")
    parser.add_argument("--model", choices=["smollm2", "simulated"], default="smollm2")
    chosen = parser.parse_args()
    home = env.home()
    try:
        with only_one(home), Supervisor(home / "logs", echo=False) as supervisor:
            run(supervisor, simulated=chosen.model == "simulated", stay=not chosen.once)
    except (*up.EXPECTED, StepFailed) as error:
        print(f"\nerror: {error}\nLogs: {home / 'logs'}", file=sys.stderr)
        return 1
    return 0


def run(supervisor: Supervisor, *, simulated: bool, stay: bool) -> None:
    """Every step in order; raises at the first that is not true."""
    home = env.home()
    with step("Starting PostgreSQL and Redis, migrating"):
        desk.open_desk(supervisor, home)
    with step("Starting gateway and web, relay, task worker, beat, dispatcher and the model server"):
        supervisor.start_all([*desk.programs(), model_server(simulated=simulated)])

    import django

    django.setup()
    # Each SDK's own line for a request would bury what the demo says.
    for sdk in ("httpx2", "openai", "stripe"):
        logging.getLogger(sdk).setLevel(logging.WARNING)
    from config.demo import books, money, seed

    with step("Making a buyer with 25 USD, and three providers, whose electricity makes their prices"):
        cast = seed.seed(home, model=SIMULATED_MODEL if simulated else REAL_MODEL, now=datetime.now(UTC))
        money.quote_prices()
        books.show_prices(cast.model, paid_in=seed.CURRENCY)
    with step("Starting an agent at each site"):
        supervisor.start_all([agent(place, cast.agents[place.slug]) for place in PLACES])
        wait_connected(cast)
    buy(supervisor, cast)
    if stay:
        supervisor.start_all(trial.open_trial(home))
        up.announce()
        show_how_to_go_on(cast)
        supervisor.watch()


def model_server(*, simulated: bool) -> Program:
    """The OpenAI-shaped server behind the agents: a real model, or one that says it is none."""
    address = ("127.0.0.1", MODEL_PORT)
    if simulated:
        arguments = ["workers.simulated", "--tokens-per-second", str(SIMULATED_TOKENS_PER_SECOND)]
    else:
        arguments = ["config.demo.model_server"]
    return desk.python(
        "model", "-m", *arguments, "--port", str(MODEL_PORT), is_ready=lambda: desk.listens(address)
    )


def agent(place: Place, token: str) -> Program:
    """The agent of one site; its token goes by environment, where no process list shows it."""
    options = {
        "--market": os.environ["JOULEPORT_RELAY_URL"],
        "--upstream": f"http://127.0.0.1:{MODEL_PORT}/v1",
        "--watts-idle": str(place.watts_idle),
        "--watts-busy": str(place.watts_busy),
        "--energy": "declared",
        "--state": str(env.home() / "agents" / place.slug),
    }
    arguments = [part for option in options.items() for part in option]
    program = desk.python(f"agent-{place.slug}", "-m", "agent", *arguments, stop=30)
    return replace(program, environ={**program.environ, "JOULEPORT_AGENT_TOKEN": token})


def wait_connected(cast: "Cast") -> None:
    """Wait until the relay holds every agent; gateways hear of it at once."""
    deadline = time.monotonic() + CONNECTED_SECONDS_MAX
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        while time.monotonic() < deadline:
            relays = [json.loads(value) for key in client.scan_iter("relay:*") if (value := client.get(key))]
            if sum(len(relay["nodes"]) for relay in relays) >= len(cast.agents):
                return
            time.sleep(0.1)
    raise StepFailed("not every agent connected; see its log")


def kill_cheapest(supervisor: Supervisor, chosen: str) -> None:
    """Kill the agent of the site that was chosen as the cheapest, the way a power cut would."""
    cheapest = next(place for place in PLACES if place.name == chosen)
    os.kill(supervisor.pid(f"agent-{cheapest.slug}"), signal.SIGKILL)


def show_how_to_go_on(cast: "Cast") -> None:
    """Logins, and a request to copy."""
    web = os.environ["JOULEPORT_WEB_ADDRESS"]
    code = find_code(cast.one_time_secret, at=time.time())
    print(
        f"""  operator  {cast.operator} / {cast.password}
            one-time code now: {code}, later: python -m config.demo.code
            or put this secret into an authenticator app: {cast.one_time_secret}
  buyer key {cast.buyer_key}

  curl http://{web}/v1/chat/completions -H "Authorization: Bearer {cast.buyer_key}" \\
    -H "Content-Type: application/json" \\
    -d '{{"model": "{cast.model}", "max_tokens": 60,
         "messages": [{{"role": "user", "content": "What is a kilowatt-hour?"}}]}}'
""",
        flush=True,
    )


def buy(supervisor: Supervisor, cast: "Cast") -> None:
    """The buyer's part, and what the books say of it."""
    from config.demo import books, seed

    client = OpenAI(base_url=f"http://{os.environ['JOULEPORT_WEB_ADDRESS']}/v1", api_key=cast.buyer_key)
    purse = buyer.Purse()
    before = books.read_available(cast.buyer, seed.CURRENCY)
    with step("A chat completion through the unmodified openai SDK"):
        buyer.ask_plain(client, cast.model, purse)
        print(f"    first answer {time.monotonic() - _started:.1f} s after the start")
    with step("The same, streamed"):
        buyer.ask_streamed(client, cast.model, purse)
    with step(f"{buyer.RUN_REQUESTS} requests; the cheapest agent dies in the middle"):
        buyer.ask_while_killing(
            client, cast.model, purse, kill=lambda: kill_cheapest(supervisor, purse.chosen)
        )
    with step("Waiting until every answer is posted"):
        books.wait_posted(seconds_max=POSTED_SECONDS_MAX)
        spent = before - books.read_available(cast.buyer, seed.CURRENCY)
        print(f"    the answers said {purse.spent} {purse.currency}, the wallet lost {spent}")
        if spent != purse.spent:
            raise StepFailed("the wallet lost something else than the answers said")
    with step("The ledger's trial balance, and its verification"):
        books.show()


if __name__ == "__main__":
    sys.exit(main())
