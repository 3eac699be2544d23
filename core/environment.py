"""
Which environment variables there are. One that begins with JOULEPORT_ and that nothing reads is refused by
every process: a typing error must not silently become a default. Imports nothing, so that every process can.
"""

import os
from collections.abc import Iterable, Mapping

PREFIX = "JOULEPORT_"
# The agent is another program with options of its own, which it checks itself.
AGENT_PREFIX = "JOULEPORT_AGENT_"
SECRETS = frozenset(
    {
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "REDIS_URL",
        "JOULEPORT_SECRET_KEY",
        "JOULEPORT_TICKET_SECRET",
        "JOULEPORT_BLOB_KEY",
        "JOULEPORT_CREDENTIAL_KEYS",
        "JOULEPORT_MAIL_URL",
        "JOULEPORT_METRICS_TOKEN",
        "JOULEPORT_ENTSOE_TOKEN",
        "JOULEPORT_ELECTRICITY_MAPS_TOKEN",
        "JOULEPORT_CHAIN_URL",
        "JOULEPORT_STRIPE_KEY",
        "JOULEPORT_STRIPE_WEBHOOK_SECRET",
        "JOULEPORT_AUDIT_KEY",
    }
)
KNOWN = frozenset(
    {
        *(name for name in SECRETS if name.startswith(PREFIX)),
        "JOULEPORT_DEBUG",
        "JOULEPORT_ALLOWED_HOSTS",
        "JOULEPORT_WEB_ADDRESS",
        "JOULEPORT_RELAY_ADDRESS",
        "JOULEPORT_RELAY_URL",
        "JOULEPORT_AGENTS_URL",
        "JOULEPORT_BLOB_DIR",
        "JOULEPORT_BREACH_CHECK",
        "JOULEPORT_MAIL_FROM",
        "JOULEPORT_LOG_FORMAT",
        "JOULEPORT_LOG_LEVEL",
        "JOULEPORT_METRICS_ADDRESS",
        "JOULEPORT_OTEL_ENDPOINT",
        "JOULEPORT_KEY_REQUESTS_PER_MINUTE",
        "JOULEPORT_KEY_TOKENS_PER_MINUTE",
        "JOULEPORT_KEY_CONCURRENT_REQUESTS",
        "JOULEPORT_ORGANIZATION_CONCURRENT_REQUESTS",
        "JOULEPORT_EARLY_DISCONNECTS_PER_MINUTE",
        "JOULEPORT_HEAD_SECONDS",
        "JOULEPORT_BODY_SECONDS",
        "JOULEPORT_STALL_SECONDS",
        "JOULEPORT_CLAIM_CREDIT_ALONE",
        "JOULEPORT_FREE_STARTS_PERSON",
        "JOULEPORT_FREE_STARTS_NETWORK",
        "JOULEPORT_FREE_STARTS_DAYS",
        "JOULEPORT_HEAT_FEE_BPS",
        "JOULEPORT_FX_SPREAD_BPS",
        "JOULEPORT_FX_QUOTE_SECONDS",
        "JOULEPORT_FX_RATE_HOURS",
        "JOULEPORT_FX_ECB",
        "JOULEPORT_HEDGING",
        "JOULEPORT_STRIPE_URL",
        "JOULEPORT_CHAIN_ID",
        "JOULEPORT_CHAIN_TOKEN",
        "JOULEPORT_CHAIN_SAFE",
        "JOULEPORT_CHAIN_CONFIRMATIONS",
        "JOULEPORT_HOME",
        "JOULEPORT_PG_BIN",
    }
)


class BadEnvironment(Exception):
    """The environment does not describe a system that can be started."""


def refuse_unknown(environ: Mapping[str, str] = os.environ, *, also: Iterable[str] = ()) -> None:
    """Raise BadEnvironment if a JOULEPORT_ variable is set that nothing reads."""
    known = KNOWN | {f"{name}_FILE" for name in SECRETS} | set(also)
    ours = (name for name in environ if name.startswith(PREFIX) and not name.startswith(AGENT_PREFIX))
    unknown = sorted(name for name in ours if name not in known)
    if unknown:
        raise BadEnvironment(f"unknown environment variables: {', '.join(unknown)}")
