"""`python -m stand_ins.stripe --port 8110 --state stripe.sqlite --webhook http://127.0.0.1:8000/...`"""

import argparse
import os
import signal
import sys
from pathlib import Path

from stand_ins.stripe import server
from stand_ins.stripe.store import Store

SECRET = "JOULEPORT_STRIPE_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
KEY = "sk_test_stand_in"


def main() -> int:
    """Serve until stopped; the exit status."""
    parser = argparse.ArgumentParser(prog="stand_ins.stripe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--state", type=Path, required=True, help="the SQLite file that is kept")
    parser.add_argument("--seed", default="stand-in", help="what ids are made from")
    parser.add_argument("--key", default=KEY, help="the only key that is accepted")
    parser.add_argument(
        "--webhook",
        default="",
        help=f"where events go; signed with {SECRET}, of which a second one is for connected accounts",
    )
    parser.add_argument("--keep-answers", action="store_true", help="for whoever checks their shapes")
    options = parser.parse_args()
    options.state.parent.mkdir(parents=True, exist_ok=True)
    store = Store(options.state, seed=options.seed)
    if options.webhook:
        own, _, connected = os.environ.get(SECRET, "").partition(",")
        if not own:
            print(f"error: {SECRET} is not set", file=sys.stderr)
            return 2
        store.write(
            "webhooks",
            [
                {"url": options.webhook, "secret": own, "connect": False},
                {"url": options.webhook, "secret": connected or own, "connect": True},
            ],
        )
    stand_in = server.StandIn(store, key=options.key, keeps=options.keep_answers)
    made = server.make_server(stand_in, (options.host, options.port))
    base = stand_in.base = f"http://{options.host}:{made.server_address[1]}"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"A stand-in for Stripe listens at {base}. It moves no money.", flush=True)
    server.run(made, store)
    return 0


if __name__ == "__main__":
    sys.exit(main())
