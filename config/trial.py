"""Test mode at a desk: the simulated upstream and the agent before it, as `make up` runs them."""

import os
import subprocess
import sys
from pathlib import Path

from config import desk, env
from config.processes import Program

PORT = 8202
TOKENS_PER_SECOND = 75


class TrialFailed(Exception):
    """The simulated models could not be put on offer."""


def open_trial(home: Path) -> list[Program]:
    """
    Put the simulated models on offer; gives the programs that serve them.

    :raises TrialFailed: with what was said
    """
    token_file = home / "agents" / "trial.token"
    command = [sys.executable, "manage.py", "open_trial", str(token_file)]
    done = subprocess.run(command, cwd=env.REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TrialFailed(f"test mode could not be set up:\n{done.stdout}{done.stderr}")
    return [upstream(), agent(home, token_file)]


def upstream() -> Program:
    """The OpenAI-shaped server that says it is no model."""
    return desk.python(
        "simulated",
        "-m",
        "workers.simulated",
        *("--port", str(PORT), "--tokens-per-second", str(TOKENS_PER_SECOND)),
        is_ready=lambda: desk.listens(("127.0.0.1", PORT)),
    )


def agent(home: Path, token_file: Path) -> Program:
    """An agent like any other."""
    options = {
        "--market": os.environ["JOULEPORT_RELAY_URL"],
        "--token-file": str(token_file),
        "--upstream": f"http://127.0.0.1:{PORT}/v1",
        "--watts-idle": "20",
        "--watts-busy": "65",
        "--slots": "64",
        "--energy": "declared",
        "--state": str(home / "agents" / "trial"),
    }
    arguments = [part for option in options.items() for part in option]
    return desk.python("agent-trial", "-m", "agent", *arguments, stop=30)
