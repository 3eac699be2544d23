"""What the database refuses of an exchange, in words."""

from django.db import DatabaseError
from psycopg import errors

from billing import ledger
from billing.fx.central_bank import RateUnknown
from core.errors import DomainError, Invalid, NotFound


class RateStale(DomainError):
    """What is known is too old to be quoted."""

    code = "rate_stale"


class QuoteUnknown(NotFound):
    """There is no such quote of this organization."""

    code = "quote_unknown"


class QuoteExpired(DomainError):
    """The quote is over."""

    code = "quote_expired"
    message = "This quote has expired. Ask for a new one."


class QuoteUsed(DomainError):
    """A quote serves one conversion."""

    code = "quote_used"
    message = "This quote was used already. Ask for a new one."


class AmountTooSmall(Invalid):
    """So little that nothing would arrive."""

    code = "amount_too_small"
    message = "So little of it is worth nothing on the other side."


class PositionFull(DomainError):
    """The platform holds as much of the currency as it may."""

    code = "position_full"
    message = "We cannot exchange so much of this currency now. Try a smaller amount, or later."


class WalletFrozen(DomainError):
    """Two people let it go, or nobody."""

    code = "wallet_frozen"
    message = "The money of this wallet is frozen. Write to us."


class NotInTime(DomainError):
    """A day that is not over, or in a closed period."""

    code = "not_in_time"
    message = "Only days that are over and not in a closed period are revalued."


class NotFollowed(DomainError):
    """Positions of the day are still being told from the ledger."""

    code = "not_followed"
    message = "Positions of that day are not known yet; ask again in a moment."


class LineExceeded(DomainError):
    """More than a swap line gives, or than was drawn; or it is closed."""

    code = "line_exceeded"
    message = "The line does not give so much, has not given so much, or is closed."


REFUSALS: dict[str, type[DomainError]] = {
    "fx_rate_known": RateUnknown,
    "fx_rate_fresh": RateStale,
    "fx_quote_own": QuoteUnknown,
    "fx_quote_in_force": QuoteExpired,
    "fx_amount_enough": AmountTooSmall,
    "fx_conversion_free": WalletFrozen,
    "fx_limit_kept": PositionFull,
    "fx_revaluation_in_time": NotInTime,
    "fx_revaluation_followed": NotFollowed,
    "swap_line_within_limit": LineExceeded,
    "swap_line_is_sound": LineExceeded,
}
OWN_WORDS = (
    PositionFull,
    QuoteUnknown,
    QuoteExpired,
    AmountTooSmall,
    WalletFrozen,
    NotInTime,
    NotFollowed,
    LineExceeded,
)


def translate(error: DatabaseError) -> Exception:
    """What a refusal means; any other error is answered as the ledger would."""
    cause = error.__cause__
    if isinstance(cause, errors.Error) and cause.diag.constraint_name in REFUSALS:
        refusal = REFUSALS[cause.diag.constraint_name]
        return refusal() if issubclass(refusal, OWN_WORDS) else refusal(cause.diag.message_primary or "")
    return ledger.translate(error)
