"""`python -m stand_ins.chain`: a chain until it is stopped; a block every few seconds, if asked."""

import argparse
import threading

from stand_ins.chain.blocks import Chain
from stand_ins.chain.server import NAME, ChainServer

USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
CHAIN_ID = 31337
"""A number that no public chain has."""


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m stand_ins.chain", description=NAME)
    parser.add_argument("--port", type=int, default=8545)
    parser.add_argument("--chain-id", type=int, default=CHAIN_ID)
    parser.add_argument("--token", default=USDC, help="address of the token's contract")
    parser.add_argument(
        "--block-seconds", type=float, default=0, help="0: a block only when standin_mine asks for one"
    )
    given = parser.parse_args()
    server = ChainServer(("127.0.0.1", given.port), Chain(given.chain_id, given.token))
    stopped = threading.Event()
    if given.block_seconds > 0:
        threading.Thread(
            target=_keep_mining, args=(server, given.block_seconds, stopped), daemon=True
        ).start()
    print(f"{NAME}; http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        stopped.set()
        server.server_close()


def _keep_mining(server: ChainServer, seconds: float, stopped: threading.Event) -> None:
    while not stopped.wait(seconds):
        server.call("standin_mine", [1])


if __name__ == "__main__":
    main()
