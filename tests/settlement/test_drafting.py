"""When a period begins, a draft is made for people to look at: once, and only if somebody would be paid."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.audit import SYSTEM
from accounts.models import AuditEvent, Organization
from billing.models import PayoutSchedule, SettlementBatch
from billing.settlement import batches, drafting, terms
from billing.settlement.gates import NO_METHOD
from billing.settlement.terms import Every
from tests.settlement import settling
from tests.settlement.settling import Desk, earn

FIRST = datetime(2026, 9, 1, 3, tzinfo=UTC)
"""A Tuesday."""
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("now", "drafted", "turn"),
    [
        (FIRST, [], Every.MONTHLY),
        (FIRST + 4 * DAY, [], Every.MONTHLY),
        (FIRST, ["2026-09"], Every.WEEKLY),
        (FIRST, ["2026-09", "2026-W36"], Every.DAILY),
        (FIRST, ["2026-09", "2026-W36", "2026-09-01"], None),
        (FIRST + 9 * DAY, [], Every.DAILY),
        (FIRST + 6 * DAY, ["2026-09"], Every.WEEKLY),
        (FIRST + 8 * DAY, ["2026-09-09"], None),
    ],
)
def test_the_longest_period_that_began_lately_has_its_turn(
    now: datetime, drafted: list[str], turn: Every | None
) -> None:
    assert drafting.find_turn(drafted=drafted, now=now) == turn


def draft(desk: Desk, now: datetime) -> list[str]:
    return [one.period for one in drafting.draft_due(ask=desk.ask, actor=SYSTEM, now=now)]


def test_drafts_are_made_once_and_never_approved(db: object, farm: Organization, lab: Organization) -> None:
    desk = settling.make_desk()
    earn(farm, "10")
    earn(lab, "20")
    desk.say(lab, rail="", refusal=NO_METHOD)
    terms.choose_schedule(organization=lab, every=Every.DAILY, actor=desk.ann, now=FIRST)

    # Of those whose turn it is nobody has a way to be paid.
    assert draft(desk, FIRST + 9 * DAY) == []
    assert draft(desk, FIRST) == ["2026-09"]
    batch = SettlementBatch.objects.get()
    assert (batch.state, batch.prepared_by, batch.items.count()) == ("DRAFT", None, 2)
    assert AuditEvent.objects.get(action="settlement.draft").actor_kind == "SYSTEM"
    # Open, and given up by a person: it is not made again for the same month.
    assert draft(desk, FIRST + DAY) == []
    batches.void(batch=batch, note="Wait.", actor=desk.ann, now=FIRST)
    assert draft(desk, FIRST) == []

    desk.said.clear()
    # Each is in what is due: daily alone in the middle of the month, the others when it begins.
    assert draft(desk, FIRST + 9 * DAY) == ["2026-09-10"]
    daily = SettlementBatch.objects.latest("id")
    assert list(daily.items.values_list("organization", flat=True)) == [lab.pk]
    assert PayoutSchedule.objects.count() == 1
