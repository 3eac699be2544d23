"""For operators: models that may be sold."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.operators import OperatorView
from accounts.api.schema import describe
from marketplace import catalogue
from marketplace.api.serializers import EndpointsField
from marketplace.listings import WRITING

TOKENS_MAX = 2_147_483_647


class ModelRequest(serializers.Serializer[Any]):
    """A new model of the catalogue; lengths are tokens."""

    slug = serializers.CharField(max_length=120)
    name = serializers.CharField(max_length=200)
    context_length = serializers.IntegerField(min_value=1, max_value=TOKENS_MAX)
    max_output_default = serializers.IntegerField(min_value=1, max_value=TOKENS_MAX)
    endpoints = EndpointsField(required=False, allow_empty=False, default=sorted(WRITING))


class AddedModelAnswer(serializers.Serializer[Any]):
    """A model of the catalogue."""

    slug = serializers.CharField()
    name = serializers.CharField()
    context_length = serializers.IntegerField()
    max_output_default = serializers.IntegerField()
    endpoints = EndpointsField()
    created_at = serializers.DateTimeField()


class Catalogue(OperatorView):
    """Models that may be sold."""

    rights = {"POST": "marketplace.add_model"}

    @describe(
        "operator_models_create",
        "Add a model to the catalogue",
        request=ModelRequest,
        answer=AddedModelAnswer,
        status=201,
        refusals=(403,),
        organization=False,
    )
    def post(self, request: Request) -> HttpResponse:
        """Add it; providers may offer it from then on."""
        wanted = self.read(ModelRequest)

        def add() -> dict[str, Any]:
            model = catalogue.create_model(**wanted, actor=self.actor(), now=timezone.now())
            return dict(AddedModelAnswer(model).data)

        return self.create(add)
