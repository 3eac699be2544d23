"""The description of the API that is committed is the one the code makes."""

import re
from pathlib import Path

import yaml
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

from tests.api.conftest import make_client
from tests.api.routes import ROUTES
from tests.databases import Database

# Who comes otherwise than with a key or a session: agents with their token, and those who have none yet.
SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "/api/agent": [{"agentToken": []}],
    "/api/agents/enrol": [{}],
}
EVERYBODY: list[dict[str, list[str]]] = [{"apiKey": []}, {"cookieAuth": []}]
# Nobody needs to be known there.
OPEN = re.compile(r"/api/(market/.*|power-lots/open|power-lots/\{uid\}|heat-demands/open|nodes/\{uid\}/keys)")
COMMITTED = Path(__file__).parents[2] / "docs/reference/openapi.yaml"


def test_the_committed_description_is_current() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    validate_schema(schema)  # type: ignore[no-untyped-call]

    made = OpenApiYamlRenderer().render(schema, renderer_context={})  # type: ignore[no-untyped-call]

    assert made.decode() == COMMITTED.read_text(encoding="utf-8"), "make schema"


def test_every_operation_is_described_with_its_refusals() -> None:
    described = yaml.safe_load(COMMITTED.read_text(encoding="utf-8"))["paths"]

    operations = [
        (path, method, one) for path, methods in described.items() for method, one in methods.items()
    ]
    own = [(path, method, one) for path, method, one in operations if not path.startswith("/api/schema")]
    assert len(own) == len(ROUTES)
    for path, method, one in own:
        assert "401" in one["responses"], (method, path)
        if OPEN.fullmatch(path) and method == "get":
            assert {} in one["security"], (method, path)
        else:
            assert one.get("security", []) == SECURITY.get(path, EVERYBODY), (method, path)


def test_serves_the_description_and_its_readers(db: Database) -> None:
    client = make_client()

    assert client.get("/api/schema/").status_code == 200
    for path in ("/api/docs/", "/api/reference/"):
        page = client.get(path)
        assert page.status_code == 200
        # Everything comes from this server: the sidecar's files, no other origin.
        assert b"cdn." not in page.content
