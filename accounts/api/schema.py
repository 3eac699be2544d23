"""How the description of the API (OpenAPI) is made: who may ask, what is refused, how lists are paged."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from accounts.api.fields import DecimalStringField
from accounts.api.filters import Filters, list_parameters
from accounts.authentication import ORGANIZATION_HEADER
from core.pagination import ORDERS, PAGE_SIZE, PAGE_SIZE_MAX
from core.problem import CONTENT_TYPE

IDEMPOTENCY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
DIGITS = 38
"""Of every number that the database keeps."""
ASKED = ("Request", "Change")
"""How the names of what is sent end."""
VISIBLE = r"^[^\x00]*[^\s\x00][^\x00]*$"


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """API keys as bearer tokens."""

    target_class = "accounts.authentication.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """What OpenAPI calls it."""
        return {"type": "http", "scheme": "bearer", "description": "An API key: jp_live_… or jp_test_…"}


class DecimalStrings(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Amounts, prices and quantities: strings, so that no program makes floats of them."""

    target_class = DecimalStringField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """A pattern with the places that the field takes."""
        field: DecimalStringField = self.target
        places, least = field.places, field.minimum
        tail = f"(\\.[0-9]{{1,{places}}})?"
        if least is None:
            pattern = f"-?[0-9]{{1,{DIGITS - places}}}{tail}"
        elif least == 0:
            pattern = f"[0-9]{{1,{DIGITS - places}}}{tail}"
        elif least < 1:
            # More than nothing.
            pattern = f"([1-9][0-9]{{0,8}}{tail}|0\\.[0-9]{{0,{places - 1}}}[1-9])"
        else:
            pattern = f"[1-9][0-9]{{0,8}}{tail}"
        return {"type": "string", "pattern": f"^{pattern}$"}


def require_text(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of every text that is asked for that it may not be blank, and holds no NUL."""
    for name, component in result["components"]["schemas"].items():
        if not name.endswith(ASKED):
            continue
        for field in component.get("properties", {}).values():
            one = field["items"] if field.get("type") == "array" else field
            plain = one.get("type") == "string" and not one.keys() & {"format", "enum", "pattern"}
            if plain:
                one |= {"minLength": 1, "pattern": VISIBLE}
    return result


def expect_nothing_there(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of every address that names something that there may be no such thing."""
    problem = {"$ref": "#/components/schemas/Problem"}
    missing = {"content": {CONTENT_TYPE: {"schema": problem}}, "description": ""}
    for path, operations in result["paths"].items():
        if "{" in path:
            for operation in operations.values():
                operation["responses"] = dict(sorted({"404": missing, **operation["responses"]}.items()))
    return result


class Problem(serializers.Serializer[Any]):
    """A refusal (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="What programs may rely on.")
    detail = serializers.CharField()
    request_id = serializers.CharField()


ORGANIZATION_PARAMETER = OpenApiParameter(
    ORGANIZATION_HEADER,
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    description="For which organization; needed by people who belong to several.",
)
KEY_PARAMETER = OpenApiParameter(
    IDEMPOTENCY_HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+( [!-~]+)*$"},
    OpenApiParameter.HEADER,
    description="A repeat with the same key and body gets the first answer, except secrets, for three days.",
)
REPLAYED = OpenApiParameter(
    REPLAYED_HEADER,
    OpenApiTypes.BOOL,
    OpenApiParameter.HEADER,
    description="True in a repeat.",
    response=[201, 202],
)
PAGE_PARAMETERS = [
    OpenApiParameter("cursor", OpenApiTypes.STR, description="From `next` or `previous` of a page."),
    OpenApiParameter(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX, "default": PAGE_SIZE},
        description="Rows on a page.",
    ),
]
ORDER_PARAMETER = OpenApiParameter(
    "order", enum=list(ORDERS), default="newest", description="Which row comes first."
)


@cache
def make_page(rows: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The serializer of a page of a list; lists of the same rows share it."""
    fields = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": rows(many=True),
    }
    return type(f"{rows.__name__}Page", (serializers.Serializer,), fields)()  # type: ignore[no-any-return]


def describe(
    operation_id: str,
    summary: str,
    *,
    answer: Any,
    request: Any = None,
    status: int = 200,
    refusals: Iterable[int] = (),
    paged: bool = False,
    filters: type[Filters] | None = None,
    organization: bool = True,
    creates: bool | None = None,
    parameters: Iterable[OpenApiParameter] = (),
) -> Callable[..., Any]:
    """
    Describe an operation, with every status it may answer.

    :param organization: it acts for an organization, which a header may name
    :param creates: it takes an Idempotency-Key; those that answer 201 or 202 do, if nothing is said
    """
    given = [*parameters]
    refused = {401, *refusals}
    if organization:
        # Without a header, members of several organizations are asked for one.
        given.append(ORGANIZATION_PARAMETER)
        refused |= {400, 403, 404}
    if creates if creates is not None else status in (201, 202):
        given += [KEY_PARAMETER, REPLAYED]
        refused |= {409, 422}
    if request:
        refused |= {400, 415, 422}
    if paged:
        given += [*PAGE_PARAMETERS, ORDER_PARAMETER]
        refused.add(422)
    if filters:
        given += list_parameters(filters)
    # A file is described by its status and type: `{(200, "text/csv"): OpenApiTypes.STR}`.
    files = isinstance(answer, dict)
    responses: dict[Any, Any] = {**answer} if files else {status: make_page(answer) if paged else answer}
    responses |= {(code, CONTENT_TYPE): Problem for code in sorted(refused)}
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        request=request,
        responses=responses,
        parameters=given,
    )
