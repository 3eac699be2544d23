"""Pages of a list, newest first, by cursor: stable while rows are added, equally fast on every page."""

from rest_framework.pagination import CursorPagination

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200


class NewestFirst(CursorPagination):
    """Pages by falling `id`, which is unique; the answer has `next`, `previous` and `results`."""

    ordering = "-id"
    page_size = PAGE_SIZE
    max_page_size = PAGE_SIZE_MAX
    page_size_query_param = "page_size"
    # Following a cursor skips at most one row here, because the ordering is unique.
    offset_cutoff = 1
