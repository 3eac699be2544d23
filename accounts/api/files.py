"""A file as the body of a request."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request, is_form_media_type

from accounts.api.base import OrganizationView
from core import files
from core.files import Bounds, CheckedFile

NAME = {"type": "string", "minLength": 1, "pattern": r"\S"}
NAMED = OpenApiParameter("name", NAME, required=True, description="What the file is called.")
FILE = {"application/octet-stream": OpenApiTypes.BINARY}


def describe_answer(bounds: Bounds) -> dict[tuple[int, str], OpenApiTypes]:
    """What an address that gives files of such kinds answers, for the description."""
    return {(200, kind): OpenApiTypes.BINARY for kind in bounds.kinds}


class AnyFile(BaseParser):
    """A body that is a file, whatever is said of its type."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        """All of it, as `content`."""
        return {"content": stream.read()}


class FileView(OrganizationView):
    """Takes a file as the body of a request."""

    parser_classes = (AnyFile,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """
        Keep the body before anybody looks who sends it: with a session that looks for a form's token, which
        reads the file and leaves nothing to be hashed.
        """
        _ = request.body
        super().initial(request, *args, **kwargs)

    def read_file(self, bounds: Bounds) -> CheckedFile:
        """
        The file that was sent.

        :raises rest_framework.exceptions.ValidationError: without a name, or as a form
        :raises core.files.WrongFile: if it is out of bounds
        """
        if is_form_media_type(self.request.content_type):
            raise ValidationError({"content": ["Send the file itself, not a form."]})
        name = self.request.query_params.get("name", "").strip()
        if not name:
            raise ValidationError({"name": ["Say in the address what the file is called."]})
        content = dict(self.request.data).get("content", b"")
        return files.read_file(name=name, content=content, bounds=bounds)
