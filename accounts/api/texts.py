"""Texts of a body are texts: a number in their place is refused, and not written out."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


def find_wrong_texts(field: serializers.Field[Any, Any, Any, Any], value: Any) -> Any:
    """
    What is wrong with the texts of a value that the field takes otherwise; None if nothing is.

    :return: in the shape of the framework's own errors: a list of messages for a text, a dict by name or by
        place for what has parts
    """
    if isinstance(field, serializers.CharField):
        return None if value is None or isinstance(value, str) else [str(field.error_messages["invalid"])]
    if isinstance(field, serializers.Serializer) and isinstance(value, Mapping):
        given = [(name, part) for name, part in field.fields.items() if name in value and not part.read_only]
        return _gather({name: find_wrong_texts(part, value[name]) for name, part in given})
    child = getattr(field, "child", None)
    if child is not None and isinstance(value, list):
        return _gather({place: find_wrong_texts(child, one) for place, one in enumerate(value)})
    if child is not None and isinstance(value, Mapping):
        return _gather({name: find_wrong_texts(child, one) for name, one in value.items()})
    return None


def _gather(found: dict[Any, Any]) -> dict[Any, Any] | None:
    return {name: wrong for name, wrong in found.items() if wrong is not None} or None
