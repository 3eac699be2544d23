"""A relay reads the same environment as every other process."""

from pathlib import Path

import pytest

from workers.relay.settings import SettingRefused, read_settings

GIVEN = {"DATABASE_URL": "postgresql://db", "REDIS_URL": "redis://cache", "JOULEPORT_TICKET_SECRET": "t" * 32}


def test_a_secret_may_stand_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("f" * 32 + "\n")
    environment = {**GIVEN, "JOULEPORT_TICKET_SECRET": "", "JOULEPORT_TICKET_SECRET_FILE": str(file)}

    settings = read_settings([], environment)

    assert settings.ticket_secret == b"f" * 32
    assert "f" * 32 not in repr(settings)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"REDIS_URL_FILE": "/nowhere"}, "both set"),
        ({"REDIS_URL": "", "REDIS_URL_FILE": "/nowhere"}, "REDIS_URL_FILE"),
        ({"REDIS_URL": ""}, "REDIS_URL is not set"),
    ],
)
def test_refuses_what_is_missing_or_given_twice(changed: dict[str, str], message: str) -> None:
    with pytest.raises(SettingRefused, match=message):
        read_settings([], GIVEN | changed)
