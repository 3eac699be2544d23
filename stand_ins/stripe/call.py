"""One request as its handler sees it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from stand_ins.stripe.errors import invalid, lacking, missing, unfit, unknown
from stand_ins.stripe.forms import read_flag
from stand_ins.stripe.store import Body, Store

KINDS = {
    "cus": "customer",
    "pm": "payment_method",
    "pi": "payment_intent",
    "ch": "charge",
    "py": "charge",
    "re": "refund",
    "txn": "balance_transaction",
    "cs": "checkout.session",
    "evt": "event",
    "we": "webhook_endpoint",
    "du": "dispute",
    "acct": "account",
    "tr": "transfer",
    "trr": "transfer_reversal",
    "po": "payout",
}
METADATA_KEYS_MAX, METADATA_NAME_MAX, METADATA_VALUE_MAX = 50, 40, 500


@dataclass(slots=True)
class Call:
    """Parameters as nested texts; `account` is the connected account it is for; `base` is our address."""

    store: Store
    params: Body = field(default_factory=dict)
    account: str = ""
    base: str = ""

    def need(self, name: str) -> Any:
        """
        A parameter.

        :raises Refusal: if it is missing or empty
        """
        found = self.params.get(name)
        if found == "":
            raise invalid(
                name, f"An empty text would unset '{name}', which is needed. Leave it out, or say something."
            )
        if found in (None, {}, []):
            raise lacking(name)
        return found

    def integer(self, name: str) -> int:
        """
        A whole number that is needed.

        :raises Refusal: if it is missing or none
        """
        return read_integer(self.need(name), name)

    def amount(self, name: str = "amount") -> int:
        """
        An amount in the smallest unit, more than nothing.

        :raises Refusal: if it is missing or not more than nothing
        """
        found = self.integer(name)
        if found < 1:
            raise invalid(
                name, "This value must be greater than or equal to 1.", code="parameter_invalid_integer"
            )
        return found

    def flag(self, name: str) -> bool:
        """Whether a parameter is `true`."""
        return read_flag(self.params.get(name, ""))

    def text(self, name: str) -> str | None:
        """A text, or None."""
        found = self.params.get(name)
        return str(found) if found not in (None, "", {}, []) else None

    def metadata(self) -> Body:
        """Metadata of something new."""
        return change_metadata({}, self.params.get("metadata"))

    def allow(self, *names: str) -> None:
        """
        Only these parameters are known here.

        :raises Refusal: for any other
        """
        refuse_unknown(self.params, (*names, "expand"))

    def find(self, kind: str, identity: str, param: str = "id") -> Body:
        """
        An object by its id.

        :raises Refusal: if there is none
        """
        found = self.store.get(kind, identity, account=self.account)
        if found is None:
            raise missing(kind.replace(".", " "), identity, param)
        return found


def refuse_unknown(params: Any, names: Iterable[str], *, inside: str = "") -> None:
    """
    Only these parameters are known here.

    :param inside: the name of what holds them
    :raises Refusal: for any other, or if `params` holds none
    """
    if not isinstance(params, dict):
        raise unfit(inside, "Invalid object")
    others = sorted(set(params) - set(names))
    if others:
        raise unknown(f"{inside}[{others[0]}]" if inside else others[0])


def read_integer(value: Any, param: str) -> int:
    """
    A whole number from its text.

    :raises Refusal: if it is none
    """
    try:
        return int(value)
    except (TypeError, ValueError):
        raise invalid(param, f"Invalid integer: {value}", code="parameter_invalid_integer") from None


def change_metadata(kept: Body, wish: Any) -> Body:
    """
    Metadata after a change: an empty text takes a key away, an empty whole takes all away.

    :raises Refusal: for more than 50 keys, a key of more than 40 characters, a value of more than 500
    """
    if wish is None:
        return kept
    if wish in ("", [], {}):
        return {}
    if not isinstance(wish, dict):
        raise unfit("metadata", "Invalid object")
    for key, value in wish.items():
        if len(key) > METADATA_NAME_MAX:
            raise unfit("metadata", f"Metadata keys can be at most {METADATA_NAME_MAX} characters: {key}")
        if not isinstance(value, str) or len(value) > METADATA_VALUE_MAX:
            text = f"Metadata values can be at most {METADATA_VALUE_MAX} characters"
            raise unfit(f"metadata[{key}]", text)
    changed = {key: value for key, value in {**kept, **wish}.items() if value != ""}
    if len(changed) > METADATA_KEYS_MAX:
        raise unfit("metadata", f"You can specify up to {METADATA_KEYS_MAX} keys of metadata.")
    return changed


def show(value: Any) -> Any:
    """What others may see of a body: all but what we keep for ourselves, whose names begin with `_`."""
    if isinstance(value, dict):
        return {key: show(inner) for key, inner in value.items() if not key.startswith("_")}
    if isinstance(value, list):
        return [show(inner) for inner in value]
    return value
