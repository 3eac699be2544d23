"""Lists with their filters and pages, and fields that are expanded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stand_ins.stripe.call import Call, read_integer, refuse_unknown
from stand_ins.stripe.errors import Refusal, invalid, missing, unfit
from stand_ins.stripe.store import Body, Store

LIMIT, LIMIT_MAX, DEPTH_MAX = 10, 100, 4
FILTERS = {
    "created": ("created",),
    "arrival_date": ("arrival_date",),
    "available_on": ("available_on",),
}
PAGING = frozenset({"limit", "starting_after", "ending_before", "expand"})
# What can be expanded of which object: Stripe's description, as far as the stand-in has such objects.
EXPANDABLE: dict[str, frozenset[str]] = {
    kind: frozenset(names.split())
    for kind, names in {
        "customer": "default_source invoice_settings.default_payment_method test_clock",
        "payment_method": "customer",
        "payment_intent": "application customer latest_charge on_behalf_of payment_method review",
        "charge": "application application_fee balance_transaction customer failure_balance_transaction "
        "on_behalf_of payment_intent review source_transfer transfer",
        "refund": "balance_transaction charge failure_balance_transaction payment_intent "
        "source_transfer_reversal transfer_reversal",
        "dispute": "charge payment_intent",
        "balance_transaction": "source",
        "checkout.session": "customer payment_intent payment_link setup_intent subscription",
        "transfer": "balance_transaction destination destination_payment source_transaction",
        "transfer_reversal": "balance_transaction destination_payment_refund source_refund transfer",
        "payout": "application_fee balance_transaction destination failure_balance_transaction "
        "original_payout reversed_by",
    }.items()
}


def list_objects(call: Call, kind: str, path: str, *, by: tuple[str, ...] = ()) -> Body:
    """
    A page of the objects of a kind.

    :param by: fields that may be asked to have a value
    :raises Refusal: for a parameter that is not known, or cannot be used
    """
    call.allow(*PAGING, *FILTERS, *by)
    limit = read_integer(call.params.get("limit", LIMIT), "limit")
    if not 1 <= limit <= LIMIT_MAX:
        side, bound = ("greater", 1) if limit < 1 else ("less", LIMIT_MAX)
        raise invalid(
            "limit",
            f"This value must be {side} than or equal to {bound} (it is {limit}).",
            code="parameter_invalid_integer",
        )
    after, before = call.text("starting_after"), call.text("ending_before")
    if after and before:
        raise unfit("ending_before", "Only one of starting_after and ending_before can be given.")
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor and call.store.get(kind, cursor, account=call.account) is None:
            raise missing(kind.replace(".", " "), cursor, name, status=400)
    tests = [_make_range(name, call.params[name]) for name in FILTERS if name in call.params]
    tests += [_make_test(name, call.params[name]) for name in by if name in call.params]
    rows, more = call.store.page(
        kind,
        account=call.account,
        keep=lambda body: all(test(body) for test in tests),
        limit=limit,
        after=after,
        before=before,
    )
    return {"object": "list", "url": path, "has_more": more, "data": rows}


def _make_test(name: str, value: Any) -> Callable[[Body], bool]:
    wanted = set(value) if isinstance(value, list) else {str(value)}
    field = "type" if name == "types" else name
    return lambda body: str(body.get(field)) in wanted


def _make_range(name: str, value: Any) -> Callable[[Body], bool]:
    bounds = value if isinstance(value, dict) else {"gte": value, "lte": value}
    read = {key: read_integer(bound, f"{name}[{key}]") for key, bound in bounds.items()}
    refuse_unknown(read, ("gt", "gte", "lt", "lte"), inside=name)

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
    if paths in (None, ""):
        return body
    if not isinstance(paths, list):
        raise unfit("expand", "Invalid array")
    for path in map(str, paths):
        parts = path.split(".")
        if len(parts) > DEPTH_MAX:
            raise unfit("expand", f"You cannot expand more than {DEPTH_MAX} levels of a property.")
        _expand(store, body, parts, _Place(path))
    return body


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an expansion has come to: `kind` of the object, and the fields inside it."""

    path: str
    kind: str = ""
    inside: str = ""

    def refuse(self) -> Refusal:
        hint = f" Try expanding 'data.{self.path}' instead." if self.kind == "list" else ""
        return unfit("expand", f"This property cannot be expanded ({self.path}).{hint}")


def _expand(store: Store, node: Any, parts: list[str], place: _Place) -> None:
    if node is None or (not parts and isinstance(node, dict)):
        return
    if isinstance(node, list):
        for one in node:
            _expand(store, one, parts, place)
        return
    if isinstance(node, dict) and "object" in node:
        place = _Place(place.path, node["object"])
    head, *rest = parts or [""]
    name = place.inside + head
    if not isinstance(node, dict):
        raise place.refuse()
    if name in EXPANDABLE.get(place.kind, frozenset()):
        if isinstance(node.get(head), str):
            found = store.find(node[head])
            if found is None:
                raise place.refuse()
            node[head] = found
        if rest:
            _expand(store, node.get(head), rest, place)
    elif rest and isinstance(node.get(head), dict | list) and (place.kind != "list" or head == "data"):
        _expand(store, node[head], rest, _Place(place.path, place.kind, f"{name}."))
    else:
        raise place.refuse()
