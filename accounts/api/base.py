"""What views of the REST interface share. A view translates, and makes one call."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import replays
from accounts.access import Permission
from accounts.api.schema import IDEMPOTENCY_HEADER
from accounts.authentication import Caller, InOrganization, find_caller
from accounts.replays import Answer, Deed
from core.pagination import NewestFirst

JSON = "application/json"


class OrganizationView(APIView):
    """A view for members and keys of an organization; `needs` names the permission of each method."""

    permission_classes = (InOrganization,)
    needs: ClassVar[dict[str, Permission]] = {}

    def caller(self) -> Caller:
        """Who asks, for whom."""
        return find_caller(self.request)

    def read(self, kind: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """
        The request's body, checked.

        :raises rest_framework.exceptions.ValidationError: naming every wrong field
        """
        # Kept before it is parsed, so that it can be hashed afterwards.
        _ = self.request.body
        given = kind(data=self.request.data)
        given.is_valid(raise_exception=True)
        values: dict[str, Any] = given.validated_data
        return values

    def show_page(
        self, rows: QuerySet[Any], kind: type[serializers.Serializer[Any]], **context: Any
    ) -> Response:
        """A page of rows, newest first."""
        paginator = NewestFirst()
        page = paginator.paginate_queryset(rows, self.request, view=self)
        return paginator.get_paginated_response(kind(page, many=True, context=context).data)

    def create(
        self, act: Callable[[], dict[str, Any]], *, status: int = 201, secret: str = ""
    ) -> HttpResponse:
        """
        Create something, once for each Idempotency-Key, in one transaction.

        :param act: does it and gives the body of the answer
        :param secret: the field of the answer that is shown once; a repeat has null there
        """

        def answer() -> Answer:
            body = act()
            shown = render(body)
            return Answer(status, shown, render(body | {secret: None}) if secret else shown)

        key = self.request.headers.get(IDEMPOTENCY_HEADER)
        if key is None:
            with transaction.atomic():
                made = answer()
        else:
            made = replays.answer_once(
                organization=self.caller().organization,
                key=key,
                deed=Deed(f"POST {self.request.path}", self.request.body),
                now=timezone.now(),
                act=answer,
            )
        return HttpResponse(made.body, status=made.status, content_type=JSON)


def render(body: Any) -> bytes:
    """JSON as REST framework writes it."""
    return bytes(JSONRenderer().render(body))
