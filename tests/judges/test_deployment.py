"""Django's own judgement of the settings a public exchange runs with."""

import os
import secrets
import subprocess
import sys

import pytest

from config.env import REPOSITORY

pytestmark = pytest.mark.judge


def test_settings_of_a_public_exchange_are_safe() -> None:
    public = {
        "JOULEPORT_ALLOWED_HOSTS": "exchange.example",
        "JOULEPORT_SECRET_KEY": secrets.token_urlsafe(48),
        "JOULEPORT_MAIL_URL": "smtps://mail.exchange.example",
    }

    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=REPOSITORY,
        env=os.environ | public,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
