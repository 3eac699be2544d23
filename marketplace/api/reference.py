"""The reference catalogue: its tables, and their rows with what each rests on."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import RestView
from accounts.api.filters import Choice, Filters, Word
from accounts.api.schema import describe
from core.errors import NotFound
from marketplace import reference_versions
from marketplace.reference.tables import Grade


class Verified(Choice):
    """Only rows that were read at their source, or only others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(["true", "false"], **options)

    def filter(self, qs: Any, value: str) -> Any:
        """By the word."""
        return super().filter(qs, {"true": True, "false": False}.get(value, value))


class RowFilters(Filters):
    """What rows can be narrowed by."""

    key = Word()
    grade = Choice([grade.value for grade in Grade])
    verified = Verified(field_name="verified")


class TableAnswer(serializers.Serializer[Any]):
    """The version of a table that counts; `digest` is SHA-256 of its file."""

    name = serializers.CharField()
    number = serializers.IntegerField()
    title = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    date = serializers.CharField()
    licence = serializers.CharField()
    url = serializers.CharField()
    note = serializers.CharField()
    digest = serializers.CharField()
    loaded_at = serializers.DateTimeField()


class RowAnswer(serializers.Serializer[Any]):
    """
    A row of the version that counts, and what its figures rest on. `verified` ones were read at their source;
    others price nothing before a provider says the same of its site.
    """

    key = serializers.CharField()
    figures = serializers.DictField()
    source = serializers.CharField()  # type: ignore[assignment]
    date = serializers.CharField()
    grade = serializers.CharField()
    verified = serializers.BooleanField()
    note = serializers.CharField()
    version = serializers.IntegerField(source="version.number")
    licence = serializers.CharField(source="version.licence")


class TableList(RestView):
    """The tables."""

    @describe(
        "reference_list", "Tables of reference data", answer=TableAnswer, paged=True, organization=False
    )
    def get(self, request: Request) -> Response:
        """List the version of each that counts, the one loaded last first."""
        return self.show_page(reference_versions.list_newest(), TableAnswer)


class RowList(RestView):
    """The rows of a table."""

    @describe(
        "reference_rows",
        "Rows of a table of reference data",
        answer=RowAnswer,
        paged=True,
        filters=RowFilters,
        refusals=(404,),
        organization=False,
    )
    def get(self, request: Request, name: str) -> Response:
        """List them, the last of the file first."""
        version = reference_versions.find_version(name=name)
        if version is None:
            raise NotFound
        return self.show_page(version.rows.select_related("version"), RowAnswer, filters=RowFilters)
