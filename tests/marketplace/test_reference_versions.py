"""Reference data is loaded once per content, kept for ever, and overridden by what a provider says."""

import io
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from accounts.audit import SYSTEM
from marketplace import reference_versions
from marketplace.models import ReferenceFigure, ReferenceVersion, Site, SiteFigure
from marketplace.reference import Evidence, Grade
from marketplace.reference.files import Figures, read_files
from marketplace.reference.tables import DATA
from marketplace.reference.usable import Basis, FigureUnconfirmed, Stated, Usable, choose_figures
from tests.databases import Database
from tests.marketplace.listings import NOW

CHECKED = Evidence(source="maker", date="2026", grade=Grade.PRIMARY, verified=True)
HEARD = Evidence(source="press", date="2026", grade=Grade.PRESS, verified=False)


def load(*arguments: object) -> str:
    output = io.StringIO()
    call_command("reference", "load", *map(str, arguments), stdout=output)
    return output.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped files, to be changed."""
    return Path(shutil.copytree(DATA, tmp_path / "data"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_loading_writes_every_file_and_doing_it_again_nothing(db: Database) -> None:
    first, again = load(), load()

    assert "chips version 1: 24 added (nvidia-a100-sxm-80, " in first
    assert again == "Nothing changed.\n"
    assert ReferenceVersion.objects.count() == len(read_files())
    row = ReferenceFigure.objects.get(version__name="grid_factors", key="CN-GZ")
    assert (row.figures["g_per_kwh"], row.grade, row.verified) == ("568.3", "A", True)


def test_a_changed_file_becomes_the_next_version_and_the_old_stays(db: Database, folder: Path) -> None:
    load("--folder", folder)
    change(folder / "default_pue.csv", "immersion,1.07", "immersion,1.05")

    said = load("--folder", folder)

    assert said == "default_pue version 2: 1 changed (immersion)\n"
    found = reference_versions.find_figures(name="default_pue", key="immersion")
    assert found is not None
    assert found.figures == {"pue": "1.05"}
    old = ReferenceFigure.objects.get(version__name="default_pue", version__number=1, key="immersion")
    assert old.figures == {"pue": "1.07"}


def test_content_that_comes_back_is_a_version_of_its_own(db: Database, folder: Path) -> None:
    load("--folder", folder)
    change(folder / "default_pue.csv", "immersion,1.07", "immersion,1.05")
    load("--folder", folder)
    change(folder / "default_pue.csv", "immersion,1.05", "immersion,1.07")

    load("--folder", folder)

    version = reference_versions.find_version(name="default_pue")
    assert version is not None
    assert version.number == 3


def test_another_licence_is_another_version(db: Database, folder: Path) -> None:
    load("--folder", folder)
    change(folder / "files.csv", "CC BY 4.0,https", "CC BY-SA 4.0,https")

    assert load("--folder", folder) == "joules_per_token version 2: its sources\n"


def test_a_bad_row_loads_nothing_at_all(db: Database, folder: Path) -> None:
    change(folder / "default_pue.csv", "immersion,1.07", "immersion,0.8")

    with pytest.raises(CommandError, match=r"default_pue\.csv, line 5, pue: 0\.8 is not between") as refusal:
        load("--folder", folder)

    assert refusal.value.returncode == 2
    assert not ReferenceVersion.objects.exists()


def test_checking_tells_what_is_not_loaded(db: Database) -> None:
    with pytest.raises(SystemExit) as left:
        load("--check")
    load()

    assert left.value.code == 1
    assert load("--check") == "Everything is loaded.\n"


@pytest.mark.parametrize("model", [ReferenceVersion, ReferenceFigure])
def test_what_was_loaded_is_never_rewritten(db: Database, model: type[ReferenceFigure]) -> None:
    load()

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        model.objects.update(note="another story")
    with psycopg.connect(db.owner_dsn) as owner, pytest.raises(psycopg.Error, match="append-only"):
        owner.execute(f"UPDATE {model._meta.db_table} SET note = 'another story'".encode())


def choose(shipped: Figures | None, **stated: str) -> tuple[str, Basis]:
    said = {field: Stated(value, "own meter") for field, value in stated.items()}
    chosen = choose_figures(name="f", key="k", fields=["pue"], shipped=shipped, stated=said)["pue"]
    return chosen.value, chosen.basis


def test_a_verified_figure_prices_without_a_word() -> None:
    assert choose(Figures("k", {"pue": "1.2"}, CHECKED, "")) == ("1.2", Basis.REFERENCE)


@pytest.mark.parametrize(
    "shipped",
    [None, Figures("k", {"pue": "1.2"}, HEARD, ""), Figures("k", {"pue": ""}, CHECKED, "")],
    ids=["none", "unverified", "empty"],
)
def test_what_nobody_vouches_for_prices_nothing_until_the_provider_does(shipped: Figures | None) -> None:
    with pytest.raises(FigureUnconfirmed, match=r"pue of k is not"):
        choose(shipped)

    assert choose(shipped, pue="1.2") == ("1.2", Basis.DECLARED)


def test_the_provider_speaks_before_the_tables() -> None:
    shipped = Figures("k", {"pue": "1.2", "other": "1"}, CHECKED, "")

    assert choose(shipped, pue="1.4") == ("1.4", Basis.DECLARED)
    assert choose(shipped, other="2") == ("1.2", Basis.REFERENCE)


def state(site: Site, *, pue: str, source: str, now: datetime) -> SiteFigure:
    return reference_versions.state_figures(
        site=site,
        name="default_pue",
        key="immersion",
        figures={"pue": pue},
        source=source,
        actor=SYSTEM,
        now=now,
    )


def find_pue(site: Site) -> Usable:
    return reference_versions.find_usable(site=site, name="default_pue", key="immersion", fields=["pue"])[
        "pue"
    ]


def test_a_site_confirms_and_overrides(dam: Site) -> None:
    load()
    with pytest.raises(FigureUnconfirmed):
        find_pue(dam)

    state(dam, pue="1.07", source="data sheet", now=NOW)
    confirmed = find_pue(dam)
    state(dam, pue="1.09", source="own meter", now=NOW + timedelta(days=1))

    assert confirmed == Usable("1.07", Basis.DECLARED, "data sheet")
    assert find_pue(dam) == Usable("1.09", Basis.DECLARED, "own meter")
    assert SiteFigure.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "figures", "reason"),
    [
        ("default_pue", {"pue": "0.8"}, "pue: 0.8 is not between"),
        ("default_pue", {"pue": "much"}, "pue: 'much' is not a number"),
        ("default_pue", {"verified": "true"}, "verified: there is no such field"),
        ("default_pue", {}, "State at least one"),
        ("weather", {"rain": "1"}, "name: there is no such file"),
    ],
    ids=str,
)
def test_a_statement_that_cannot_be_is_refused(
    dam: Site, name: str, figures: dict[str, str], reason: str
) -> None:
    load()

    with pytest.raises(reference_versions.FigureInvalid, match=reason):
        reference_versions.state_figures(
            site=dam, name=name, key="immersion", figures=figures, source="meter", actor=SYSTEM, now=NOW
        )
