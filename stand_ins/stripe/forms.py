"""Bodies as the SDK writes them: `a[b][0][c]=d`, form-encoded."""

import re
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

PART = re.compile(r"\[([^\]]*)\]")
PARTS_MAX = 10_000


def parse_form(text: str) -> dict[str, Any]:
    """
    Nested dicts and lists of texts.

    :raises ValueError: for a name that is used as a text and as a container
    """
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=PARTS_MAX):
        head, *rest = [name.split("[", 1)[0], *PART.findall(name)]
        _put(root, [head, *rest], value)
    found = _settle(root)
    return found if isinstance(found, dict) else {}


def _put(node: dict[str, Any], path: list[str], value: str) -> None:
    for key, following in pairwise(path):
        key = key or str(len(node))
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            raise ValueError(f"{key} is a text and a container of {following}")
        node = child
    node[path[-1] or str(len(node))] = value


def _settle(node: Any, name: str = "") -> Any:
    if not isinstance(node, dict):
        return node
    settled = {key: _settle(value, key) for key, value in node.items()}
    # The names in metadata are whoever's who wrote them, numbers too.
    if name != "metadata" and settled and all(key.isdecimal() for key in settled):
        return [settled[key] for key in sorted(settled, key=int)]
    return settled


def read_flag(value: Any) -> bool:
    """`true`, as the SDK writes it."""
    return str(value).lower() == "true"
