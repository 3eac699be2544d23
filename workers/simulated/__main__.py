"""`python -m workers.simulated --port N`: an OpenAI-shaped server without any model, for tests and trials."""

from __future__ import annotations

import argparse
import sys

import uvloop

from workers.simulated import server
from workers.simulated.behaviour import FAULTS, Behaviour, BehaviourUnknown, read_behaviour


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    listing = "\n".join(f"  {name:17} {what}" for name, what in FAULTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m workers.simulated",
        description="An OpenAI-shaped server that runs no model: answers are made by rule and say so.",
        epilog=f"faults (model suffix `+name`, header x-simulated-fault, POST /faults):\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens-per-second", type=float, default=0.0, help="0: as fast as possible")
    parser.add_argument("--tokens", type=int, default=24, help="natural length of an answer")
    parser.add_argument("--fault", default="", help="usual behaviour, e.g. truncate+after=3")
    parser.add_argument("--models", default=",".join(server.MODELS), help="comma separated")
    return parser.parse_args(arguments)


async def main(arguments: argparse.Namespace) -> None:
    """Serve until interrupted."""
    base = Behaviour(tokens=arguments.tokens, rate=arguments.tokens_per_second)
    behaviour = read_behaviour(arguments.fault, base=base)
    upstream = server.Upstream(models=tuple(arguments.models.split(",")), behaviour=behaviour)
    listening = await server.serve(host=arguments.host, port=arguments.port, upstream=upstream)
    port = listening.sockets[0].getsockname()[1]
    sys.stderr.write(f"simulated upstream on http://{arguments.host}:{port}/v1 (no model behind it)\n")
    async with listening:
        await listening.serve_forever()


if __name__ == "__main__":
    try:
        uvloop.run(main(read_arguments(sys.argv[1:])))
    except BehaviourUnknown as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(0)
