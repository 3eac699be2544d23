"""
What a buyer says about where a request may run: read, checked, and never silently ignored.
Pure; imports no Django.

Honoured: `models` (tried in turn), the slug suffix `:floor`, and of `provider` the fields `order`,
`only`, `ignore`, `allow_fallbacks`, `sort` by price, `max_price` for prompt and completion, `regions` and
`jurisdictions`. Everything else that would narrow or reorder the choice is refused by name. A field that
is null says nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from core.errors import DomainError
from core.money import NotAnAmount
from marketplace.listings import make_provider_slug, price_to_int

# Fields of a request that are ours and that no model server is sent.
ROUTING_FIELDS = frozenset({"models", "provider", "route", "plugins"})

# Limits of what one request may list.
MODELS_MAX = 8
NAMES_MAX = 64
NAME_LENGTH_MAX = 200

REFUSED_SUFFIXES = frozenset({"nitro", "green", "exacto", "free", "extended", "thinking", "online"})

# Prices are asked for per million tokens.
TOKENS_PER_PRICE = 1_000_000


class RoutingRefused(DomainError):
    """A routing field cannot be honoured; `param` is its path in the request."""

    status = 400
    code = "unsupported_routing_field"

    def __init__(self, param: str, message: str) -> None:
        self.param = param
        super().__init__(message, param=param)


class RoutingInvalid(RoutingRefused):
    """A routing field has a value it cannot have."""

    code = "invalid_routing_field"


@dataclass(frozen=True, slots=True)
class Preferences:
    """
    What one buyer wants of providers; nothing given excludes nothing.

    Providers are slugs (`listings.make_provider_slug`), `regions` are case-folded, `jurisdictions` are
    country codes. `max_prompt_price` and `max_completion_price` are integers of 1e-18 USD for one token.
    """

    order: tuple[str, ...] = ()
    only: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    allow_fallbacks: bool = True
    regions: frozenset[str] | None = None
    jurisdictions: frozenset[str] | None = None
    max_prompt_price: int | None = None
    max_completion_price: int | None = None


NO_PREFERENCES = Preferences()


@dataclass(frozen=True, slots=True)
class Routing:
    """Which models may answer, first choice first, and what is wanted of their providers."""

    models: tuple[str, ...]
    preferences: Preferences = NO_PREFERENCES


def parse_routing(body: Mapping[str, Any]) -> Routing:
    """
    Read the routing fields of a chat request, as decoded from JSON.

    :raises RoutingInvalid: if one has a value it cannot have
    :raises RoutingRefused: if one asks for what is not honoured yet
    """
    slug = body.get("model")
    if not isinstance(slug, str) or not slug:
        raise RoutingInvalid("model", "model must name a model.")
    models = [_read_slug(slug, "model")]
    if len(body.keys() & _CHECKED_FIELDS):
        _refuse_other_routers(body)
        for i, other in enumerate(_read_names(body.get("models"), "models", names_max=MODELS_MAX) or ()):
            models.append(_read_slug(other, f"models.{i}"))
    provider = body.get("provider")
    preferences = NO_PREFERENCES if provider is None else parse_provider(provider)
    return Routing(tuple(dict.fromkeys(models)), preferences)


def parse_provider(provider: object) -> Preferences:
    """
    Read the `provider` object of a request.

    :raises RoutingInvalid: if a field has a value it cannot have
    :raises RoutingRefused: if a field is unknown or asks for what is not honoured yet
    """
    if not isinstance(provider, Mapping):
        raise RoutingInvalid("provider", "provider must be an object.")
    preferences = NO_PREFERENCES
    for field, value in provider.items():
        param = f"provider.{field}"
        if value is None and field in _PROVIDER_FIELDS:
            continue
        if field not in _PROVIDER_FIELDS:
            raise RoutingRefused(param, f"{param} is not a routing field we know.")
        preferences = _PROVIDER_FIELDS[field](preferences, value, param)
    return preferences


def _read_slug(slug: str, param: str) -> str:
    # A suffix nobody defined stays part of the name, which then names no model.
    plain, colon, suffix = slug.rpartition(":")
    if not colon:
        return slug
    if suffix in REFUSED_SUFFIXES:
        raise RoutingRefused(param, f"The suffix :{suffix} is not honoured; leave it out or use :floor.")
    # Cheapest first is how offers are tried anyway.
    return plain if suffix == "floor" else slug


_CHECKED_FIELDS = ROUTING_FIELDS | {"service_tier"}


def _refuse_other_routers(body: Mapping[str, Any]) -> None:
    if body.get("route") not in (None, "fallback"):
        raise RoutingRefused("route", "route can only be fallback.")
    if body.get("plugins"):
        raise RoutingRefused("plugins", "plugins are not honoured.")
    if body.get("service_tier") not in (None, "auto", "default"):
        raise RoutingRefused("service_tier", "Only the service tiers auto and default are honoured.")


def _read_names(value: object, param: str, *, names_max: int = NAMES_MAX) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > names_max:
        raise RoutingInvalid(param, f"{param} must be a list of at most {names_max} names.")
    for i, name in enumerate(value):
        if not isinstance(name, str) or not 0 < len(name) <= NAME_LENGTH_MAX:
            raise RoutingInvalid(f"{param}.{i}", f"{param}.{i} must be a name.")
    return value


def _read_flag(value: object, param: str) -> bool:
    if not isinstance(value, bool):
        raise RoutingInvalid(param, f"{param} must be true or false.")
    return value


def _read_price(value: object, param: str) -> int:
    refusal = RoutingInvalid(param, f"{param} must be a price in USD per million tokens, such as 0.25.")
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise refusal
    try:
        # The text of a JSON number is what the buyer wrote; the binary fraction is not.
        price = price_to_int(Decimal(str(value)))
    except (InvalidOperation, NotAnAmount, ValueError):
        raise refusal from None
    if price < 0:
        raise refusal
    return price // TOKENS_PER_PRICE


def _set_order(wanted: Preferences, value: object, param: str) -> Preferences:
    names = _read_names(value, param) or ()
    return replace(wanted, order=tuple(dict.fromkeys(map(make_provider_slug, names))))


def _set_only(wanted: Preferences, value: object, param: str) -> Preferences:
    # An empty list is what SDK wrappers send for "no restriction".
    names = _read_names(value, param)
    return replace(wanted, only=frozenset(map(make_provider_slug, names)) if names else None)


def _set_ignore(wanted: Preferences, value: object, param: str) -> Preferences:
    names = _read_names(value, param) or ()
    return replace(wanted, ignore=frozenset(map(make_provider_slug, names)))


def _set_allow_fallbacks(wanted: Preferences, value: object, param: str) -> Preferences:
    return replace(wanted, allow_fallbacks=_read_flag(value, param))


def _set_regions(wanted: Preferences, value: object, param: str) -> Preferences:
    names = _read_names(value, param)
    return replace(wanted, regions=frozenset(name.casefold() for name in names) if names else None)


def _set_jurisdictions(wanted: Preferences, value: object, param: str) -> Preferences:
    names = _read_names(value, param)
    return replace(wanted, jurisdictions=frozenset(name.upper() for name in names) if names else None)


def _set_sort(wanted: Preferences, value: object, param: str) -> Preferences:
    if isinstance(value, Mapping):
        for field in value.keys() - {"by", "partition"}:
            raise RoutingRefused(f"{param}.{field}", f"{param}.{field} is not a routing field we know.")
        if value.get("partition") not in (None, "model"):
            raise RoutingRefused(f"{param}.partition", "Offers are only sorted within a model.")
        value = value.get("by")
    if value not in (None, "price"):
        raise RoutingRefused(param, "Offers are only sorted by price.")
    return wanted


def _set_max_price(wanted: Preferences, value: object, param: str) -> Preferences:
    if not isinstance(value, Mapping):
        raise RoutingInvalid(param, f"{param} must be an object.")
    for field, price in value.items():
        if price is None and field in {"prompt", "completion", "request", "image", "audio"}:
            continue
        if field == "prompt":
            wanted = replace(wanted, max_prompt_price=_read_price(price, f"{param}.{field}"))
        elif field == "completion":
            wanted = replace(wanted, max_completion_price=_read_price(price, f"{param}.{field}"))
        else:
            raise RoutingRefused(f"{param}.{field}", f"{param}.{field} is not honoured.")
    return wanted


def _refuse_unless(
    harmless: tuple[object, ...], why: str
) -> Callable[[Preferences, object, str], Preferences]:
    def check(wanted: Preferences, value: object, param: str) -> Preferences:
        # Compared with their types: 0 is not False here.
        if not any(type(value) is type(fine) and value == fine for fine in harmless):
            raise RoutingRefused(param, f"{param} is not honoured: {why}")
        return wanted

    return check


_PROVIDER_FIELDS: dict[str, Callable[[Preferences, object, str], Preferences]] = {
    "order": _set_order,
    "only": _set_only,
    "ignore": _set_ignore,
    "allow_fallbacks": _set_allow_fallbacks,
    "sort": _set_sort,
    "max_price": _set_max_price,
    "regions": _set_regions,
    "jurisdictions": _set_jurisdictions,
    "require_parameters": _refuse_unless((False,), "offers do not list their parameters reliably."),
    "data_collection": _refuse_unless(("allow",), "no offer has a reviewed data policy."),
    "zdr": _refuse_unless((False,), "no offer has a reviewed data policy."),
    "enforce_distillable_text": _refuse_unless((False,), "no offer has a reviewed licence."),
    "quantizations": _refuse_unless(([],), "offers do not state a verified quantization."),
    "preferred_min_throughput": _refuse_unless((), "throughput is not measured per offer."),
    "preferred_max_latency": _refuse_unless((), "latency is not measured per offer."),
    "energy": _refuse_unless(({},), "offers are not filtered by energy."),
}
