"""Who hears of a claim by mail."""

from typing import Any

from accounts.models import Role
from tests.api.conftest import Farm, estate, make_operator, make_user, now, store  # noqa: F401
from tests.market import small, stand  # noqa: F401
from tests.workers.test_claims import answered, claim, decide  # noqa: F401


def test_a_provider_is_asked_and_both_sides_are_told_what_was_decided(
    answered: Farm,  # noqa: F811
    outbox: list[Any],
) -> None:
    finance = make_user(answered.organization, Role.FINANCE, "finance")
    finance.language = "zh-hans"
    finance.save(update_fields=["language"])
    make_user(answered.organization, Role.MEMBER, "member")

    opened = claim(answered)
    asked = list(outbox)
    decide(opened, "0.000000001", make_operator())
    told = outbox[len(asked) :]

    # The farm bought of itself: each is told once.
    for letters in (asked, told):
        assert [one.to for one in letters] == [[answered.owner.email], [finance.email]]
    assert "A buyer claims that an answer of small" in asked[0].body
    assert "It named another capital." not in asked[0].body
    assert "0.000000001 USD are credited" in told[0].body
    assert "The capital is Paris." in told[0].body
    assert answered.organization.name not in told[0].body
