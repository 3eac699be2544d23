"""How the description of the API (OpenAPI) is made: who may ask, what is refused, how lists are paged."""

from collections.abc import Callable, Iterable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from accounts.authentication import ORGANIZATION_HEADER
from core.problem import CONTENT_TYPE

IDEMPOTENCY_HEADER = "Idempotency-Key"


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """API keys as bearer tokens."""

    target_class = "accounts.authentication.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """What OpenAPI calls it."""
        return {"type": "http", "scheme": "bearer", "description": "An API key: jp_live_… or jp_test_…"}


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
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="A repeat with the same key and body gets the first answer, except secrets.",
)
PAGE_PARAMETERS = [
    OpenApiParameter("cursor", OpenApiTypes.STR, description="From `next` or `previous` of a page."),
    OpenApiParameter("page_size", OpenApiTypes.INT, description="1 to 200."),
]


def make_page(rows: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The serializer of a page of a list."""
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
    organization: bool = True,
    parameters: Iterable[OpenApiParameter] = (),
) -> Callable[..., Any]:
    """Describe an operation; every one may answer 401, and those of an organization 403 and 404."""
    given = [*parameters]
    if organization:
        given.append(ORGANIZATION_PARAMETER)
    if status in (201, 202) and organization:
        given.append(KEY_PARAMETER)
    if paged:
        given += PAGE_PARAMETERS
    refused = {401, *refusals, *((403, 404) if organization else ()), *((422,) if request else ())}
    responses: dict[Any, Any] = {status: make_page(answer) if paged else answer}
    responses |= {(code, CONTENT_TYPE): Problem for code in sorted(refused)}
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        request=request,
        responses=responses,
        parameters=given,
    )
