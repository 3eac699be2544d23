"""What views of the REST interface share. A view translates, and makes one call."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import replays
from accounts.access import Permission
from accounts.api.filters import Filters, apply_filters
from accounts.api.schema import IDEMPOTENCY_HEADER, REPLAYED_HEADER
from accounts.api.texts import find_wrong_texts
from accounts.authentication import Caller, InOrganization, find_caller
from accounts.models import ApiKey, KeyMode, Organization, User
from accounts.replays import Answer, Deed
from core.pagination import NewestFirst

JSON = "application/json"


class RestView(APIView):
    """A view for whoever is signed in."""

    permission_classes: Sequence[Any] = (IsAuthenticated,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """
        Look whether the address has such a method before anything else.

        :raises rest_framework.exceptions.MethodNotAllowed: if it has not, whoever asks
        """
        if not hasattr(self, (request.method or "").lower()):
            self.http_method_not_allowed(request)
        super().initial(request, *args, **kwargs)

    def holder(self) -> Organization | User:
        """To whom the answers to requests with an Idempotency-Key belong."""
        return cast(User, self.request.user)

    def is_test(self) -> bool:
        """Whether a test key asks."""
        key = self.request.auth
        return isinstance(key, ApiKey) and key.mode == KeyMode.TEST

    def read(self, kind: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """
        The request's body, checked.

        :raises rest_framework.exceptions.ValidationError: naming every wrong field
        """
        # Kept before it is parsed, so that it can be hashed afterwards.
        _ = self.request.body
        given = kind(data=self.request.data)
        given.is_valid(raise_exception=True)
        if wrong := find_wrong_texts(given, self.request.data):
            raise serializers.ValidationError(wrong)
        values: dict[str, Any] = given.validated_data
        return values

    def show_page(
        self,
        rows: QuerySet[Any],
        kind: type[serializers.Serializer[Any]],
        *,
        filters: type[Filters] | None = None,
        others: frozenset[str] = frozenset(),
        key: str = "id",
        describe: Callable[[list[Any]], dict[str, Any]] | None = None,
        convert: Callable[[list[Any]], list[Any]] = list,
        **context: Any,
    ) -> Response:
        """
        A page of rows, newest first unless the address says otherwise.

        :param others: parameters that the view reads itself
        :param key: the column that pages follow
        :param describe: gives more of the serializer's context, for the rows of the page
        :param convert: makes of the rows what the serializer takes
        :raises FilterRefused: if the address names what no filter takes
        """
        paginator = NewestFirst(key)
        chosen = apply_filters(rows, request=self.request, kind=filters, others=others)
        page: list[Any] = paginator.paginate_queryset(chosen, self.request, view=self) or []
        context |= describe(page) if describe else {}
        return paginator.get_paginated_response(kind(convert(page), many=True, context=context).data)

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
                holder=self.holder(),
                key=key,
                deed=Deed(f"POST {self.request.path}", self.request.body),
                now=timezone.now(),
                act=answer,
                test=self.is_test(),
            )
        headers = {REPLAYED_HEADER: "true"} if made.replayed else {}
        return HttpResponse(made.body, status=made.status, content_type=JSON, headers=headers)


class OrganizationView(RestView):
    """
    A view for members and keys of an organization; `needs` names the permission of each method.

    If the address names the organization (`organization` in its pattern), that is the one.
    """

    permission_classes = (InOrganization,)
    needs: ClassVar[dict[str, Permission]] = {}

    def caller(self) -> Caller:
        """Who asks, for whom."""
        return find_caller(self.request, named=self.kwargs.get("organization"))

    def holder(self) -> Organization | User:
        """The organization that is acted for."""
        return self.caller().organization


def render(body: Any) -> bytes:
    """JSON as REST framework writes it."""
    return bytes(JSONRenderer().render(body))
