"""Races around test money: of two that begin at once, the second counts the first."""

from tests.races.interleaving import Step, overlap
from tests.races.stage import Stage, call


def starters_of_one_person_are_counted(stage: Stage) -> bool:
    def begin(organization: int) -> Step:
        return call(
            "SELECT free_start_v1(gen_random_uuid(), %s, 'test', 'somebody', '', 1, 1, 30, now())",
            organization,
        )

    outcome = overlap(stage.db, begin(stage.lab.organization_id), begin(stage.fund.organization_id))
    return outcome.error is None and outcome.waited and outcome.value == "PERSON"
