"""What lists can be narrowed by. A filter that is unknown, empty, doubled or wrong is refused."""

from datetime import UTC, datetime
from typing import Any

import django_filters  # type: ignore[import-untyped]
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from core.errors import Invalid

PAGING = frozenset({"cursor", "page_size", "order"})
TEXT_LENGTH_MAX = 200


class FilterRefused(Invalid):
    """A parameter that is unknown, or has a value that it cannot have."""

    code = "invalid_filter"


class Choice(django_filters.ChoiceFilter):  # type: ignore[misc]
    """One of a few words."""

    def __init__(self, words: list[str], **options: Any) -> None:
        self.words = list(words)
        super().__init__(choices=[(word, word) for word in words], **options)


class Word(django_filters.CharFilter):  # type: ignore[misc]
    """A text that must be the same."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=TEXT_LENGTH_MAX, strip=False, **options)


class Uid(django_filters.UUIDFilter):  # type: ignore[misc]
    """An id."""


class Moment(django_filters.fields.IsoDateTimeField):  # type: ignore[misc]
    """A moment, however it was written: PostgreSQL takes no offset of sixteen hours or more, Python does."""

    def to_python(self, value: Any) -> datetime | None:
        """In UTC."""
        moment: datetime | None = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class Since(django_filters.IsoDateTimeFilter):  # type: ignore[misc]
    """From this moment on."""

    field_class = Moment

    def __init__(self, field_name: str, **options: Any) -> None:
        super().__init__(field_name=field_name, lookup_expr="gte", **options)


class Until(django_filters.IsoDateTimeFilter):  # type: ignore[misc]
    """Before this moment."""

    field_class = Moment

    def __init__(self, field_name: str, **options: Any) -> None:
        super().__init__(field_name=field_name, lookup_expr="lt", **options)


class Is(django_filters.TypedChoiceFilter):  # type: ignore[misc]
    """`true` for rows in which a moment has come, `false` for those in which it has not."""

    def __init__(self, field_name: str, **options: Any) -> None:
        words = [("true", "true"), ("false", "false")]
        super().__init__(
            field_name=field_name,
            lookup_expr="isnull",
            choices=words,
            coerce=lambda word: word == "false",
            **options,
        )


class Filters(django_filters.FilterSet):  # type: ignore[misc]
    """The filters of one list."""


TYPES: dict[type[django_filters.Filter], OpenApiTypes] = {
    Word: OpenApiTypes.STR,
    Uid: OpenApiTypes.UUID,
    Since: OpenApiTypes.DATETIME,
    Until: OpenApiTypes.DATETIME,
    Is: OpenApiTypes.BOOL,
}


def apply_filters[M: Model](
    rows: QuerySet[M], *, request: Request, kind: type[Filters] | None, others: frozenset[str] = frozenset()
) -> QuerySet[M]:
    """
    Narrow a list by what the address says.

    :param others: parameters that the view reads itself
    :raises FilterRefused: if the address says what no filter takes
    """
    given: QueryDict = request.query_params
    known = frozenset(kind.base_filters) if kind else frozenset()
    for name in given:
        if name not in known | PAGING | others:
            raise FilterRefused(f"There is no filter {name[:TEXT_LENGTH_MAX]!r}.", parameter=name)
        if len(given.getlist(name)) > 1 or (name in known and not given[name]):
            raise FilterRefused(f"Give {name} one value.", parameter=name)
    if kind is None:
        return rows
    filters = kind(given, queryset=rows)
    if not filters.is_valid():
        name, messages = next(iter(filters.errors.items()))
        raise FilterRefused(f"{name}: {' '.join(map(str, messages))}", parameter=name)
    chosen: QuerySet[M] = filters.qs
    return chosen


def list_parameters(kind: type[Filters]) -> list[OpenApiParameter]:
    """How the description of the API names the filters of a list."""
    return [_describe(name, one) for name, one in kind.base_filters.items()]


def _describe(name: str, one: django_filters.Filter) -> OpenApiParameter:
    description = one.extra.get("help_text") or (type(one).__doc__ or "").strip()
    if isinstance(one, Choice):
        return OpenApiParameter(name, enum=one.words, description=description)
    if isinstance(one, Word):
        schema = {"type": "string", "minLength": 1, "maxLength": TEXT_LENGTH_MAX}
        return OpenApiParameter(name, schema, description=description)
    return OpenApiParameter(name, TYPES[type(one)], description=description)
