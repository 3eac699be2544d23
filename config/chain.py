"""The desk's own chain, which is none: where it listens, and the settings that lead to it."""

import os

from config import env

ADDRESS = ("127.0.0.1", 8120)
URL = f"http://{ADDRESS[0]}:{ADDRESS[1]}"
ADDRESSES = env.REPOSITORY / "stand_ins/chain/addresses.txt"
"""Of nobody: what the desk gives out for deposits."""
SETTINGS = {
    "JOULEPORT_CHAIN_URL": URL,
    "JOULEPORT_CHAIN_ID": "31337",
    "JOULEPORT_CHAIN_TOKEN": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    "JOULEPORT_CHAIN_SAFE": "0x52908400098527886E0F7030069857D2E4169EE7",
    "JOULEPORT_CHAIN_CONFIRMATIONS": "3",
}
BLOCK_SECONDS = "2"


def use_own() -> bool:
    """Lead to the desk's own chain unless another node is named; answers whether it does."""
    if not env.secret("JOULEPORT_CHAIN_URL", ""):
        os.environ.update(SETTINGS)
    return os.environ.get("JOULEPORT_CHAIN_URL") == URL


def list_words() -> list[str]:
    """How the program is started."""
    options = {
        "--port": str(ADDRESS[1]),
        "--chain-id": SETTINGS["JOULEPORT_CHAIN_ID"],
        "--token": SETTINGS["JOULEPORT_CHAIN_TOKEN"],
        "--block-seconds": BLOCK_SECONDS,
    }
    return [word for option in options.items() for word in option]
