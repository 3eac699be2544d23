"""Pieces of operators' pages: links between rows, and small tables."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.admin.utils import quote
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin

NOTHING = "none"


def link(page: str, key: object, text: object = "") -> SafeString:
    """A link to the row `key` of a table (`billing_entry`), or to a page that takes one argument."""
    if key is None:
        return format_html("{}", NOTHING)
    # Rows are named as the admin names them, which writes some signs of texts otherwise.
    name, named = (page, key) if ":" in page else (f"admin:{page}_change", quote(str(key)))
    return format_html('<a href="{}">{}</a>', reverse(name, args=[named]), text or f"#{key}")


def table(heads: Sequence[str | Promise], rows: Iterable[Sequence[object]]) -> SafeString:
    """A plain table; says so when there are no rows."""
    listed = [
        (format_html_join("", '<td style="padding-right:1.5em">{}</td>', ((cell,) for cell in row)),)
        for row in rows
    ]
    if not listed:
        return format_html("{}", NOTHING)
    head = format_html_join(
        "", '<th style="padding-right:1.5em;text-align:left">{}</th>', ((name,) for name in heads)
    )
    return format_html(
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
        head,
        format_html_join("", "<tr>{}</tr>", listed),
    )


class BooksAdmin(ReadOnlyAdmin):
    """Rows of books: looked at, never edited; numbers in the search box are ids."""

    id_fields: tuple[str, ...] = ("id",)
    search_help_text = "An id, a uid or a key"
    show_full_result_count = False
    ordering = ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows with this id, or whatever the text fields say."""
        term = search_term.strip().removeprefix("#")
        if term.isascii() and term.isdecimal() and len(term) < 19:
            wanted = Q()
            for name in self.id_fields:
                wanted |= Q(**{name: int(term)})
            return queryset.filter(wanted), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found
