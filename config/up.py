"""The whole exchange at a desk, until Ctrl-C: `python -m config.up` (`make up`)."""

import os
import sys

from config import chain, desk, env, trial
from config.embedded.postgres import NoPostgres
from config.embedded.redis import NoRedis
from config.processes import NotReady
from config.supervisor import AlreadyRunning, Supervisor, only_one

EXPECTED = (
    AlreadyRunning,
    NoPostgres,
    NoRedis,
    NotReady,
    desk.MigrationFailed,
    trial.TrialFailed,
    env.BadEnvironment,
)


def main() -> int:
    """Start everything, say where it is, and keep it running; the exit status."""
    home = env.home()
    try:
        with only_one(home), Supervisor(home / "logs") as supervisor:
            desk.open_desk(supervisor, home)
            supervisor.start_all(desk.programs())
            supervisor.start_all(trial.open_trial(home))
            announce()
            supervisor.watch()
    except EXPECTED as error:
        print(f"error: {error}\nLogs: {home / 'logs'}", file=sys.stderr)
        return 1
    return 0


def announce() -> None:
    """Print where things are."""
    web = f"http://{os.environ['JOULEPORT_WEB_ADDRESS']}"
    # Browsers know passkeys for names only, never for numbers.
    pages = web.replace("127.0.0.1", "localhost")
    print(
        f"""
Jouleport is running. Ctrl-C stops it.

  pages     {pages}/
  buyers    {web}/v1          (OpenAI-compatible; test keys get answers of simulated-small for nothing)
  REST      {web}/api/docs/
  operators {pages}/operator/ and {pages}/admin/
  agents    ws://{os.environ["JOULEPORT_RELAY_ADDRESS"]}/agent
  payments  {_describe_stripe()}
  chain     {_describe_chain()}
  metrics   http://{os.environ["JOULEPORT_METRICS_ADDRESS"]}/metrics, and the next three ports
  terminal  set -a; . {env.home() / "secrets.env"}; set +a
""",
        flush=True,
    )


def _describe_stripe() -> str:
    if os.environ.get("JOULEPORT_STRIPE_URL") != desk.STRIPE_URL:
        return "Stripe"
    return f"a stand-in for Stripe at {desk.STRIPE_URL}; no money moves"


def _describe_chain() -> str:
    if os.environ.get("JOULEPORT_CHAIN_URL") != chain.URL:
        return "a node of yours"
    return f"a stand-in for a chain at {chain.URL}; no USDC moves"


if __name__ == "__main__":
    sys.exit(main())
