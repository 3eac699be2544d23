"""The environment is read strictly: a mistake is refused, never replaced by a default."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from config import env
from core import environment


def test_refuses_an_unknown_variable_of_ours() -> None:
    with pytest.raises(env.BadEnvironment, match="JOULEPORT_DEBUGG"):
        env.refuse_unknown({"JOULEPORT_DEBUGG": "1"})


def test_knows_every_documented_variable() -> None:
    env.refuse_unknown(
        dict.fromkeys(environment.KNOWN, "") | {"JOULEPORT_SECRET_KEY_FILE": "/x", "PATH": "/bin"}
    )


@pytest.mark.parametrize("value", ["yes", "on", "2"])
def test_refuses_a_flag_it_cannot_read(value: str) -> None:
    with pytest.raises(env.BadEnvironment, match="true or false"):
        env.flag("JOULEPORT_DEBUG", default=False, environ={"JOULEPORT_DEBUG": value})


@pytest.mark.parametrize("value", ["8000", "localhost", "host:0", "host:99999", ":80", "host:http"])
def test_refuses_an_address_it_cannot_read(value: str) -> None:
    with pytest.raises(env.BadEnvironment, match="host:port"):
        env.address("JOULEPORT_WEB_ADDRESS", "unused:1", environ={"JOULEPORT_WEB_ADDRESS": value})


@pytest.mark.parametrize("value", ["USD", "USD:", "usd:1", "USD:-1", "USD:1e3", "USD:1,USD:2", "USD:NaN"])
def test_refuses_amounts_it_cannot_read(value: str) -> None:
    with pytest.raises(env.BadEnvironment, match="amounts like"):
        env.amounts("X", "", environ={"X": value})


def test_reads_amounts_by_currency() -> None:
    read = env.amounts("X", "", environ={"X": "USD:100.5, CNY:700"})

    assert read == {"USD": Decimal("100.5"), "CNY": Decimal(700)}


def test_reads_an_ipv6_address() -> None:
    assert env.address("X", "[::1]:8000", environ={}) == ("::1", 8000)


def test_refuses_a_word_that_is_not_a_choice() -> None:
    with pytest.raises(env.BadEnvironment, match="one of json, console"):
        env.choice(
            "JOULEPORT_LOG_FORMAT", ("json", "console"), "json", environ={"JOULEPORT_LOG_FORMAT": "xml"}
        )


def test_a_secret_has_no_default() -> None:
    with pytest.raises(env.BadEnvironment, match="not set"):
        env.secret("JOULEPORT_SECRET_KEY", environ={})


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("quiet\n")

    assert env.secret("JOULEPORT_SECRET_KEY", environ={"JOULEPORT_SECRET_KEY_FILE": str(path)}) == "quiet"


def test_refuses_a_secret_given_twice(tmp_path: Path) -> None:
    both = {"JOULEPORT_SECRET_KEY": "loud", "JOULEPORT_SECRET_KEY_FILE": str(tmp_path / "key")}

    with pytest.raises(env.BadEnvironment, match="both"):
        env.secret("JOULEPORT_SECRET_KEY", environ=both)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"JOULEPORT_SECRTE_KEY": "x"}, "JOULEPORT_SECRTE_KEY"),
        ({"JOULEPORT_SECRET_KEY": ""}, "JOULEPORT_SECRET_KEY is not set"),
        ({"JOULEPORT_LOG_LEVEL": "LOUD"}, "JOULEPORT_LOG_LEVEL must be one of"),
    ],
)
def test_settings_refuse_to_load(change: dict[str, str], complaint: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        env=dict(os.environ) | change,
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert complaint in done.stderr
