"""What the page of keys says of a new key."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Organization, Role


@pytest.mark.parametrize(("mode", "model"), [("TEST", "simulated-small"), ("LIVE", "MODEL")])
def test_the_first_request_names_a_model_that_the_key_reaches(
    redis_url: str, lab: Organization, member_of: Callable[[Role], Client], mode: str, model: str
) -> None:
    answer = member_of(Role.OWNER).post(f"/console/{lab.uid}/keys/", {"name": "first", "mode": mode})

    page = answer.content.decode().replace("&quot;", '"')
    assert f'model="{model}"' in page
    assert f"jp_{mode.lower()}_" in page
