"""A number is no text, wherever in a body it stands."""

from typing import Any

import pytest
from rest_framework import serializers

from accounts.api.texts import find_wrong_texts
from tests.api.conftest import Farm, sign_in

WRONG = ["Not a valid string."]


class Part(serializers.Serializer[Any]):
    name = serializers.CharField(allow_null=True)
    count = serializers.IntegerField(required=False)


class Body(serializers.Serializer[Any]):
    name = serializers.CharField(required=False)
    shown = serializers.CharField(read_only=True)
    one = Part(required=False)
    parts = Part(many=True, required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    words = serializers.DictField(child=serializers.CharField(), required=False)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"name": "1", "shown": 1, "more": 1, "one": {"name": None, "count": 3}}, None),
        ({"name": 1}, {"name": WRONG}),
        ({"name": 1.5, "one": {"name": 2}}, {"name": WRONG, "one": {"name": WRONG}}),
        ({"parts": [{"name": "a"}, {"name": 7}]}, {"parts": {1: {"name": WRONG}}}),
        ({"tags": ["a", 1]}, {"tags": {1: WRONG}}),
        ({"words": {"a": 1}}, {"words": {"a": WRONG}}),
    ],
)
def test_names_every_text_that_is_none(body: dict[str, Any], wrong: Any) -> None:
    assert find_wrong_texts(Body(), body) == wrong


def test_a_project_is_not_named_by_a_number(estate: Farm) -> None:
    answer = sign_in(estate.owner).post("/api/projects", {"name": -1.5e16}, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/name"
