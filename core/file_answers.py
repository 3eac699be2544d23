"""A file that somebody handed in, as an HTTP answer: something to keep, which no browser shows."""

from typing import Any, Protocol

from django.http import HttpResponse
from django.utils.http import content_disposition_header

POLICY = "default-src 'none'; sandbox"
"""Whoever opens it all the same opens something that may do nothing."""


class File(Protocol):
    """A file: what it is called, its media type, its bytes."""

    @property
    def name(self) -> Any: ...

    @property
    def kind(self) -> Any: ...

    @property
    def content(self) -> Any: ...


def answer_file(file: File) -> HttpResponse:
    """The file as an attachment of the kind that its content has."""
    charset = "; charset=utf-8" if file.kind.startswith("text/") else ""
    answer = HttpResponse(bytes(file.content), content_type=f"{file.kind}{charset}")
    answer["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = POLICY
    answer["Cache-Control"] = "private, no-store"
    return answer
