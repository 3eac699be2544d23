"""
The texts of pages in every language: `python -m config.messages` (`make messages`).

Collects them from code and templates into core/locale, keeps what is translated, and compiles the catalogues
that Django reads. Needs no gettext: babel reads and writes both forms.
"""

import ast
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from config.env import REPOSITORY

FOLDERS = ("accounts", "billing", "config", "core", "marketplace", "workers")
LANGUAGE = "zh_Hans"
CATALOGUE = REPOSITORY / "core" / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS = {"gettext": None, "gettext_lazy": None, "_": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2)}
# What Django turns `translate` and `blocktranslate` into.
MARKED = re.compile(r" n?gettext\((?P<texts>(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[ ,u])+?)(?:count)?\)")

type Message = str | list[str] | tuple[str, ...]


def collect() -> Catalog:
    """Every text of ours, with where it stands."""
    catalogue = Catalog()
    for path in _list_files(".py"):
        for line, text, _comments, _context in extract_from_file("python", path, keywords=KEYWORDS):
            catalogue.add(text, locations=[(_name(path), line)])
    for path in _list_files(".html", ".txt"):
        for message in read_template(path.read_text(encoding="utf-8")):
            catalogue.add(message, locations=[(_name(path), 0)])
    return catalogue


def read_template(text: str) -> Iterator[Message]:
    """The texts a template marks for translation."""
    for found in MARKED.finditer(templatize(text)):
        texts = ast.literal_eval(f"({found['texts'].strip().rstrip(',')},)")
        yield tuple(texts) if len(texts) > 1 else texts[0]


def read_catalogue() -> Catalog:
    """The translations as they are kept."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale=LANGUAGE, domain="django")


def update() -> Catalog:
    """The kept translations, with the texts of today; what is new has none yet."""
    kept = read_catalogue() if CATALOGUE.exists() else Catalog(locale=LANGUAGE, domain="django", fuzzy=False)
    kept.update(collect(), no_fuzzy_matching=True, keep_user_comments=True)
    # Dates in the file would make every run a change.
    kept.creation_date = kept.revision_date = LONG_AGO
    kept.project, kept.version, kept.header_comment = "Jouleport", "1", "# Texts of pages."
    kept.obsolete.clear()
    return kept


def list_missing(catalogue: Catalog) -> list[Message]:
    """Texts without a translation."""
    return [message.id for message in catalogue if message.id and not _is_translated(message.string)]


def compile_catalogue(catalogue: Catalog) -> bytes:
    """The form that Django reads."""
    output = BytesIO()
    write_mo(output, catalogue)
    return output.getvalue()


def main() -> int:
    """Bring both files up to date; the exit status is 1 while something lacks a translation."""
    catalogue = update()
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    with CATALOGUE.open("wb") as file:
        write_po(file, catalogue, width=110, omit_header=False, sort_output=True, no_location=True)
    CATALOGUE.with_suffix(".mo").write_bytes(compile_catalogue(read_catalogue()))
    missing = list_missing(catalogue)
    for message in missing:
        sys.stderr.write(f"not translated: {message}\n")
    return 1 if missing else 0


def _list_files(*suffixes: str) -> list[Path]:
    found = (path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*"))
    return sorted(path for path in found if path.suffix in suffixes and "migrations" not in path.parts)


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def _is_translated(string: Message | None) -> bool:
    return bool(string) if isinstance(string, str) else all(string or [""])


if __name__ == "__main__":
    sys.exit(main())
