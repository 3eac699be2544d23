"""Where races are played: a lab, a fund and a farm, and the calls that meet."""

from dataclasses import dataclass
from typing import Any

import psycopg

from billing import verification
from tests.billing import exchange as ex
from tests.billing.exchange import Admitted, Buyer, Seller, fetch_value
from tests.databases import Database
from tests.races.interleaving import Step


@dataclass(slots=True)
class Stage:
    """Where a race is played."""

    db: Database
    app: psycopg.Connection[Any]
    lab: Buyer
    fund: Buyer
    farm: Seller

    def admit(self, buyer: Buyer, **options: Any) -> Admitted:
        return ex.admit(self.app, buyer, self.farm, **options)

    def one_each(self, **options: Any) -> tuple[Admitted, Admitted]:
        """A job of the lab and one of the fund."""
        return self.admit(self.lab, **options), self.admit(self.fund, **options)

    def is_clean(self) -> bool:
        return verification.verify() == []


def admission(stage: Stage, buyers: list[Buyer], *, wait: bool) -> Step:
    return lambda c: [
        row["verdict"] for row in ex.admit_items(c, [(b, stage.farm) for b in buyers], wait=wait)
    ]


def call(query: str, *values: Any) -> Step:
    return lambda connection: fetch_value(connection, query, *values)
