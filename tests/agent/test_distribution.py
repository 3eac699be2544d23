"""The agent installed alone, from its own wheel, with nothing of the exchange beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.agent.test_commands import TOKEN, Market, market

__all__ = ["market"]

ROOT = Path(__file__).parents[2]
UV = ROOT / ".tools" / "uv" / "bin" / "uv"
PACKAGES_MAX = 16


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    kept |= {name: text for name, text in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))}
    return subprocess.run(
        [str(part) for part in command], env=kept | environment, capture_output=True, text=True, timeout=240
    )


# A person's first minutes with it. It needs the package index, which `make test` does not.
@pytest.mark.judge
@pytest.mark.timeout(300)
def test_it_installs_alone_and_works(tmp_path: Path, market: Market) -> None:
    if not UV.exists():
        pytest.skip("uv is not here: make setup")
    source = shutil.copytree(ROOT / "agent", tmp_path / "agent", ignore=shutil.ignore_patterns("__pycache__"))
    built = run(UV, "build", "--wheel", "--out-dir", tmp_path / "dist", source)
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("jouleport_agent-*.whl")
    venv = tmp_path / "venv"
    assert run(UV, "venv", "--python", ROOT / ".venv/bin/python", venv).returncode == 0
    installed = run(UV, "pip", "install", "--python", venv / "bin/python", f"{wheel}[nvidia]")
    assert installed.returncode == 0, installed.stderr
    agent = venv / "bin" / "jouleport-agent"

    listed = run(UV, "pip", "list", "--python", venv / "bin/python", "--format", "json")
    helped = run(agent, "--help")
    unit = run(agent, "unit")
    arguments = ("--upstream", f"{market.url}/v1", "--market", market.url, "--exchange", market.url)
    checked = run(
        agent,
        *("check", "--json", "--state", tmp_path, *arguments),
        JOULEPORT_AGENT_TOKEN=TOKEN,
    )

    names = {each["name"].lower() for each in json.loads(listed.stdout)}
    assert {"jouleport-agent", "websockets", "httpx", "cryptography", "nvidia-ml-py"} <= names
    assert len(names) <= PACKAGES_MAX, names
    assert helped.returncode == 0, helped.stderr
    assert "enroll" in helped.stdout
    assert f"ExecStart={agent}" in unit.stdout
    report = json.loads(checked.stdout)
    assert (checked.returncode, report["problems"]) == (0, []), checked.stderr
    assert report["models"] == ["simulated-small"]
