"""Pages of a list by cursor: stable while rows are added, equally fast on every page."""

import re
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from core.errors import Invalid

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200
ORDERS = {"newest": "-", "oldest": ""}
"""What `order` may say; the first one is meant when it says nothing."""
POSITION = re.compile(r"[0-9]{1,18}")


class PageRefused(Invalid):
    """A size, an order or a cursor that cannot be."""

    code = "invalid_page"


class NewestFirst(CursorPagination):
    """
    Pages by `key`, which is unique and grows, newest first unless `order` says otherwise.

    The answer has `next`, `previous` and `results`.
    """

    page_size = PAGE_SIZE
    max_page_size = PAGE_SIZE_MAX
    page_size_query_param = "page_size"
    # Following a cursor skips at most one row here, because the key is unique.
    offset_cutoff = 1

    def __init__(self, key: str = "id") -> None:
        self.key = key

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str]:
        """
        One direction of the key.

        :raises PageRefused: for an order that is none
        """
        order = request.query_params.get("order", "newest")
        if order not in ORDERS:
            raise PageRefused(f"order is one of {', '.join(ORDERS)}.", parameter="order")
        return (ORDERS[order] + self.key,)

    def get_page_size(self, request: Request) -> int:
        """
        Rows on a page.

        :raises PageRefused: if that is no number between 1 and PAGE_SIZE_MAX
        """
        return read_page_size(request.query_params.get(self.page_size_query_param))

    def decode_cursor(self, request: Request) -> Cursor | None:
        """
        Where the page starts.

        :raises PageRefused: for what no page gave
        """
        try:
            cursor: Cursor | None = super().decode_cursor(request)
        except NotFound as error:
            raise PageRefused("Take the cursor from `next` or `previous` of a page.") from error
        if cursor and cursor.position is not None and not POSITION.fullmatch(str(cursor.position)):
            raise PageRefused("Take the cursor from `next` or `previous` of a page.", parameter="cursor")
        return cursor


def read_page_size(text: str | None) -> int:
    """
    How many rows somebody wants on a page.

    :raises PageRefused: if that is no number between 1 and PAGE_SIZE_MAX
    """
    if text is None:
        return PAGE_SIZE
    if not text.isascii() or not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= PAGE_SIZE_MAX:
        raise PageRefused(f"A page has 1 to {PAGE_SIZE_MAX} rows.", parameter="page_size")
    return int(text)
