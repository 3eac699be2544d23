"""Lists come in pages that stay put while rows are added."""

from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.models import User
from core.pagination import NewestFirst, PageRefused
from tests.databases import Database


def read_page(url: str) -> tuple[list[str], str | None]:
    paginator = NewestFirst()
    rows: Any = paginator.paginate_queryset(
        User.objects.all(), Request(APIRequestFactory().get(url, SERVER_NAME="localhost"))
    )
    return [user.email for user in rows], paginator.get_next_link()


def test_a_page_follows_where_the_last_one_ended_though_rows_were_added(db: Database) -> None:
    for number in range(5):
        User.objects.create_user(email=f"{number}@lab.example")

    first, following = read_page("/?page_size=2")
    User.objects.create_user(email="late@lab.example")
    second, _ = read_page(following or "")

    assert first == ["4@lab.example", "3@lab.example"]
    assert second == ["2@lab.example", "1@lab.example"]


@pytest.mark.parametrize("size", ["201", "100000", "0", "x"])
def test_no_page_is_larger_than_the_bound(size: str) -> None:
    request = Request(APIRequestFactory().get(f"/?page_size={size}"))

    with pytest.raises(PageRefused):
        NewestFirst().get_page_size(request)
