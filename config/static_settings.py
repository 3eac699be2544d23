"""
Settings for tools that read the code and never run it: mypy, makemigrations --check, the API schema.

The same settings as everywhere, with an environment that leads nowhere.
"""

import os

NOWHERE = {
    "DATABASE_URL": "postgresql://jouleport_app@127.0.0.1:1/jouleport",
    "DATABASE_OWNER_URL": "postgresql://jouleport_owner@127.0.0.1:1/jouleport",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "JOULEPORT_SECRET_KEY": "read by static tools only",
    "JOULEPORT_TICKET_SECRET": "read by static tools only, and long enough",
    "JOULEPORT_BLOB_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "JOULEPORT_CREDENTIAL_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}
for _name, _value in NOWHERE.items():
    os.environ.setdefault(_name, _value)

from config.settings import *  # noqa: E402, F403
