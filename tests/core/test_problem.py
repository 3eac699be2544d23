"""Every refusal is a problem document."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from core import problem
from core.errors import DomainError, NotFound, Unauthenticated


class JobTaken(DomainError):
    code = "job_taken"


class Line(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=3)


class Order(serializers.Serializer[Any]):
    amount = serializers.DecimalField(max_digits=38, decimal_places=9)
    lines = Line(many=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        raise serializers.ValidationError("Nothing fits.", code="misfit")


@pytest.fixture(autouse=True)
def _request_id() -> Iterator[None]:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        yield


def answer(failure: Exception, method: str = "get") -> Response:
    """What a view that raises `failure` answers."""

    class View(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, request: Request) -> Response:
            raise failure

        def get_exception_handler(self) -> Any:
            return problem.handle_exception

    request = getattr(APIRequestFactory(), method)("/", {}, format="json")
    response: Response = View.as_view()(request)
    response.render()
    return response


def test_a_refusal_keeps_its_status_code_message_and_extras() -> None:
    response = answer(JobTaken("job 5 is taken", scope="wallet"))

    assert response.status_code == 409
    assert response["content-type"] == "application/problem+json"
    assert json.loads(response.content) == {
        "type": "urn:jouleport:problem:job_taken",
        "title": "Conflict",
        "status": 409,
        "code": "job_taken",
        "detail": "job 5 is taken",
        "scope": "wallet",
        "request_id": "r-1",
    }


def test_an_extra_never_overrides_a_member_of_the_document() -> None:
    response = answer(JobTaken("taken", title="Fine"))

    assert response.data["title"] == "Conflict"


def test_a_refusal_without_a_message_says_its_code() -> None:
    assert str(JobTaken()) == "job taken"


@pytest.mark.parametrize("failure", [Http404(), NotFound(), exceptions.NotFound()])
def test_what_is_not_there_answers_404(failure: Exception) -> None:
    response = answer(failure)

    assert (response.status_code, response.data["code"]) == (404, "not_found")


@pytest.mark.parametrize("failure", [PermissionDenied(), exceptions.PermissionDenied()])
def test_what_is_not_allowed_answers_403(failure: Exception) -> None:
    response = answer(failure)

    assert (response.status_code, response.data["code"]) == (403, "forbidden")


def test_nobody_valid_is_asked_for_a_bearer_token() -> None:
    response = answer(Unauthenticated())

    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")


def test_a_method_that_is_not_there_answers_405() -> None:
    response = answer(JobTaken(), method="delete")

    assert (response.status_code, response.data["code"]) == (405, "method_not_allowed")


def test_too_many_requests_answer_429_and_say_how_long_to_wait() -> None:
    response = answer(exceptions.Throttled(wait=1.2))

    assert (response.status_code, response.data["code"]) == (429, "too_many_requests")
    assert response["Retry-After"] == "2"


def test_text_that_is_no_json_answers_400() -> None:
    response = answer(exceptions.ParseError())

    assert (response.status_code, response.data["code"]) == (400, "malformed")


def test_wrong_fields_are_listed_with_pointers() -> None:
    wrong = Order(data={"amount": "x", "lines": [{"name": "ok"}, {"name": "long"}, {}]})
    wrong.is_valid()

    response = answer(exceptions.ValidationError(wrong.errors))

    assert (response.status_code, response.data["code"]) == (400, "invalid")
    assert {(error["pointer"], error["code"]) for error in response.data["errors"]} == {
        ("/amount", "invalid"),
        ("/lines/1/name", "max_length"),
        ("/lines/2/name", "required"),
    }


def test_what_concerns_the_whole_document_points_at_it() -> None:
    wrong = Order(data={"amount": "1", "lines": []})
    wrong.is_valid()

    response = answer(exceptions.ValidationError(wrong.errors))

    assert response.data["errors"] == [{"pointer": "", "code": "misfit", "detail": "Nothing fits."}]


def test_a_fault_of_ours_says_nothing_but_the_request_id_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        response = answer(RuntimeError("password of the database"))

    assert response.status_code == 500
    assert response.data["request_id"] == "r-1"
    assert "password" not in response.content.decode()
    assert [record.getMessage() for record in caplog.records] == ["Unable to answer a request"]


def test_pages_outside_of_the_api_fail_the_same_way() -> None:
    request: Any = APIRequestFactory().get("/")

    lost, broken = problem.answer_not_found(request), problem.answer_server_error(request)

    assert (lost.status_code, json.loads(lost.content)["code"]) == (404, "not_found")
    assert (broken.status_code, json.loads(broken.content)["code"]) == (500, "internal")
    assert lost["content-type"] == broken["content-type"] == "application/problem+json"
