"""What documentation names is there: files, headings, commands, variables, decisions."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from agent import settings as agent_settings
from core import environment
from core.sql import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
DECISIONS = REPOSITORY / "docs/decisions"
OPERATE = REPOSITORY / "docs/how-to/operate.md"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = ("http://", "https://", "mailto:")
MAKE = re.compile(r"(?:`|^\$ |&& )make ([a-z0-9-]+)", re.MULTILINE)
VARIABLE = re.compile(r"\bJOULEPORT_[A-Z0-9_]*[A-Z0-9]\b")
# A file of ours, as pages write it: with a folder of ours before it.
FILE = re.compile(r"`([a-z_]+(?:/[A-Za-z0-9_.-]+)+\.(?:md|py|sql|yml|json|svg|toml))`")


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def find_anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def drop_code(text: str) -> str:
    """The text without its code, where brackets mean something else."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(drop_code(page.read_text(encoding="utf-8"))):
        if link.startswith(ELSEWHERE):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(REPOSITORY) and target.exists()
        if not inside or (anchor and anchor not in find_anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = FILE.findall(page.read_text(encoding="utf-8"))

    assert [path for path in named if not (REPOSITORY / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_target_of_make_is_there(page: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))

    assert set(MAKE.findall(page.read_text(encoding="utf-8"))) - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_variable_that_is_named_is_read(page: Path) -> None:
    options = agent_settings.make_parser({})._option_string_actions
    known = environment.KNOWN | {f"{secret}_FILE" for secret in environment.SECRETS}
    known |= {
        f"{environment.AGENT_PREFIX}{option.removeprefix('--').replace('-', '_').upper()}"
        for option in options
    }

    assert set(VARIABLE.findall(page.read_text(encoding="utf-8"))) - known == set()


def test_operators_are_told_every_variable() -> None:
    text = OPERATE.read_text(encoding="utf-8")

    assert sorted((environment.KNOWN | environment.SECRETS) - set(re.findall(r"`([A-Z0-9_]+)`", text))) == []


def test_every_target_of_make_says_what_it_does() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    plain = re.findall(r"^([a-z0-9-]+):(?!.*## )", makefile, re.MULTILINE)

    assert plain == []


def test_decisions_have_numbers_of_their_own_without_gaps() -> None:
    numbers = sorted(path.name[:4] for path in DECISIONS.glob("[0-9]*.md"))

    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_the_index_lists_every_decision_by_its_number() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\)", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    records = sorted(DECISIONS.glob("[0-9]*.md"))

    assert listed == [(path.name[:4], path.name) for path in records]
    for path in records:
        assert path.read_text(encoding="utf-8").startswith(f"# {path.name[:4]}: ")


def test_every_page_can_be_reached_from_the_first() -> None:
    seen, waiting = set(), [REPOSITORY / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        links = LINK.findall(page.read_text(encoding="utf-8"))
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links]

    assert [name(page) for page in PAGES if page not in seen] == []
