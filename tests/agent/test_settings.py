"""Options and environment of the agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import settings
from agent.settings import SettingRefused, read_settings

TOKEN = "jp_node_" + "a" * 36
NEEDED = {
    "JOULEPORT_AGENT_MARKET": "https://relay.example",
    "JOULEPORT_AGENT_TOKEN": TOKEN,
    "JOULEPORT_AGENT_UPSTREAM": "http://127.0.0.1:8080/v1/",
}


def test_everything_can_come_from_the_environment_and_options_win() -> None:
    read = read_settings(["--slots", "9"], environment={**NEEDED, "JOULEPORT_AGENT_SLOTS": "2"})

    assert (read.market, read.upstream) == ("wss://relay.example/agent", "http://127.0.0.1:8080/v1")
    assert (read.token, read.slots) == (TOKEN, 9)


def test_a_token_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")

    read = read_settings(["--token-file", str(file)], environment={**NEEDED, "JOULEPORT_AGENT_TOKEN": ""})

    assert read.token == TOKEN


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"MARKET": ""}, "--market"),
        ({"MARKET": "relay.example"}, "--market"),
        ({"TOKEN": ""}, "--token"),
        ({"TOKEN": "jp_live_" + "a" * 36}, "jp_node_"),
        ({"UPSTREAM": "ftp://x"}, "--upstream"),
        ({"SLOTS": "0"}, "--slots"),
        ({"SLOTS": "many"}, "--slots"),
        ({"WATTS_BUSY": "1"}, "--watts-busy"),
        ({"ENERGY": "sun"}, "--energy"),
    ],
)
def test_what_makes_no_sense_is_named(changed: dict[str, str], said: str) -> None:
    environment = NEEDED | {settings.ENVIRONMENT_PREFIX + name: text for name, text in changed.items()}

    with pytest.raises(SettingRefused, match=said):
        read_settings([], environment=environment)
