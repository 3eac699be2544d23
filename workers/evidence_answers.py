"""Evidence as an HTTP answer: a file to keep, which no browser shows."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from workers.models import ClaimEvidence

POLICY = "default-src 'none'; sandbox"
"""Whoever opens it all the same opens something that may do nothing."""


def answer_file(file: ClaimEvidence) -> HttpResponse:
    """The file as an attachment of the kind that its content has."""
    charset = "; charset=utf-8" if file.kind.startswith("text/") else ""
    answer = HttpResponse(bytes(file.content), content_type=f"{file.kind}{charset}")
    answer["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = POLICY
    answer["Cache-Control"] = "private, no-store"
    return answer
