"""Lists with their filters and pages, and fields that are expanded."""

from collections.abc import Callable
from typing import Any

from stand_ins.stripe.call import KINDS, Call, read_integer
from stand_ins.stripe.errors import Refusal
from stand_ins.stripe.store import Body, Store

LIMIT, LIMIT_MAX, DEPTH_MAX = 10, 100, 4
FILTERS = {
    "created": ("created",),
    "arrival_date": ("arrival_date",),
    "available_on": ("available_on",),
}
PAGING = frozenset({"limit", "starting_after", "ending_before", "expand"})


def list_objects(call: Call, kind: str, path: str, *, by: tuple[str, ...] = ()) -> Body:
    """
    A page of the objects of a kind.

    :param by: fields that may be asked to have a value
    :raises Refusal: for a parameter that is not known, or cannot be used
    """
    call.allow(*PAGING, *FILTERS, *by)
    limit = read_integer(call.params.get("limit", LIMIT), "limit")
    if not 1 <= limit <= LIMIT_MAX:
        raise Refusal(f"Invalid limit: must be between 1 and {LIMIT_MAX}", param="limit")
    tests = [_make_range(name, call.params[name]) for name in FILTERS if name in call.params]
    tests += [_make_test(name, call.params[name]) for name in by if name in call.params]
    rows, more = call.store.page(
        kind,
        account=call.account,
        keep=lambda body: all(test(body) for test in tests),
        limit=limit,
        after=call.text("starting_after"),
        before=call.text("ending_before"),
    )
    return {"object": "list", "url": path, "has_more": more, "data": rows}


def _make_test(name: str, value: Any) -> Callable[[Body], bool]:
    wanted = set(value) if isinstance(value, list) else {str(value)}
    field = "type" if name == "types" else name
    return lambda body: str(body.get(field)) in wanted


def _make_range(name: str, value: Any) -> Callable[[Body], bool]:
    bounds = value if isinstance(value, dict) else {"gte": value, "lte": value}
    read = {key: read_integer(bound, f"{name}[{key}]") for key, bound in bounds.items()}
    unknown = set(read) - {"gt", "gte", "lt", "lte"}
    if unknown:
        raise Refusal(f"Received unknown parameter: {name}[{min(unknown)}]", code="parameter_unknown")

    def fits(body: Body) -> bool:
        found = int(body.get(name, 0))
        return (
            found > read.get("gt", found - 1)
            and found >= read.get("gte", found)
            and found < read.get("lt", found + 1)
            and found <= read.get("lte", found)
        )

    return fits


def expand(store: Store, body: Body, paths: Any) -> Body:
    """
    A body with the objects in place of the ids that `paths` name (`latest_charge.balance_transaction`).

    :raises Refusal: for a path that is too deep, or leads nowhere
    """
    for path in paths if isinstance(paths, list) else [paths] if paths else []:
        parts = str(path).split(".")
        if len(parts) > DEPTH_MAX:
            raise Refusal(f"You cannot expand more than {DEPTH_MAX} levels of a property.", param="expand")
        _expand(store, body, parts, str(path))
    return body


def _expand(store: Store, node: Any, parts: list[str], path: str) -> None:
    if not parts or node is None:
        return
    if isinstance(node, list):
        for one in node:
            _expand(store, one, parts, path)
        return
    head, *rest = parts
    if not isinstance(node, dict) or head not in node:
        raise Refusal(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(node[head], str):
        kind = KINDS.get(node[head].split("_")[0])
        found = store.find(node[head]) if kind else None
        if found is None:
            raise Refusal(f"This property cannot be expanded ({path}).", param="expand")
        node[head] = found
    _expand(store, node[head], rest, path)
