"""What people read of an account at Stripe: how it stands, what is asked for, why it is not paid."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.models import ConnectAccount
from core.errors import DomainError

type Word = str | Promise

State = ConnectAccount.State
NAMES: dict[State, Word] = {
    State.ASKED: _("pending"),
    State.ONBOARDING: _("pending"),
    State.LACKING: _("restricted"),
    State.CHECKING: _("being checked by Stripe"),
    State.READY: _("enabled"),
    State.REJECTED: _("disabled"),
}
LOOKS = {State.LACKING: "badge-warn", State.READY: "badge-good", State.REJECTED: "badge-bad"}
SAYS: dict[State, Word] = {
    State.ASKED: _("Stripe has not answered yet. Try again."),
    State.ONBOARDING: _("Stripe wants to know who you are and where your bank is."),
    State.LACKING: _("Stripe pays nothing to this account until it has what it asks for."),
    State.CHECKING: _("Stripe is checking what you told it. There is nothing to do."),
    State.READY: _("Stripe pays this account. Payouts go there once we have checked it, too."),
    State.REJECTED: _("Stripe does not pay this account. Choose another way to be paid."),
}
READY_AND_ASKED: Word = _("Stripe pays this account, and will stop unless it hears what it asks for.")
FILLED_IN = (State.ONBOARDING, State.LACKING, State.READY)
"""From where Stripe's page leads on."""

BANK: Word = _("Your bank account")
COMPANY: Word = _("The company’s details")
PERSON: Word = _("Details of a person")
PEOPLE: Word = _("Who owns and directs the company")
PROOF: Word = _("A document that proves who somebody is")
COMPANY_PROOF: Word = _("A document that proves the company’s details")
TERMS: Word = _("Your agreement to Stripe’s terms")
BUSINESS: Word = _("What your business is and does")
OTHER: Word = _("Something else, which Stripe’s page tells")

REASONS: dict[str, Word] = {
    "action_required.requested_capabilities": _("Stripe wants you to ask for being paid, on its page."),
    "listed": _("Stripe compares you with lists of people and companies that may not be paid."),
    "rejected.listed": _("Stripe found you on a list of people and companies that may not be paid."),
    "rejected.fraud": _("Stripe suspects fraud."),
    "rejected.incomplete_verification": _("Stripe could not make sure who you are."),
    "rejected.terms_of_service": _("Stripe says that its terms were broken."),
    "requirements.past_due": _("The time for telling Stripe what it asks for is over."),
    "requirements.pending_verification": _("Stripe is checking what you told it."),
    "under_review": _("Somebody at Stripe is looking at the account."),
    "platform_paused": _("We have paused payouts to this account. Write to us."),
}
REFUSALS: dict[str, Word] = {
    "payments_unavailable": _("Stripe does not answer at the moment. Try again in a few minutes."),
    "connect_country": _("Stripe opens no accounts in this country. Choose another way to be paid."),
    "method_known": _("This account is listed among your payout methods already."),
}


@dataclass(frozen=True, slots=True)
class Told:
    """An account as its owner reads of it; `wants` has what is asked for with Stripe's names of it."""

    state: State
    says: Word
    wants: tuple[tuple[Word, tuple[str, ...]], ...]
    reason: Word

    @property
    def name(self) -> Word:
        """What its state is called."""
        return NAMES[self.state]

    @property
    def look(self) -> str:
        """The class of its badge."""
        return LOOKS.get(self.state, "")

    @property
    def to_fill_in(self) -> bool:
        """Whether Stripe's page takes more."""
        return self.state in FILLED_IN

    @property
    def is_trouble(self) -> bool:
        """Whether its owner has to do something so that it is paid, or goes on being paid."""
        unpaid = self.state in (State.ONBOARDING, State.LACKING, State.REJECTED)
        return unpaid or (self.state == State.READY and bool(self.wants))


def describe(account: ConnectAccount | None) -> Told | None:
    """What there is to say of an account; nothing where none was opened."""
    if account is None or account.account_id is None:
        return None
    state = State(account.state)
    wants = name_wants(account.missing)
    says = READY_AND_ASKED if state == State.READY and wants else SAYS[state]
    return Told(state, says, wants, REASONS.get(account.reason, account.reason))


def name_wants(missing: Iterable[str]) -> tuple[tuple[Word, tuple[str, ...]], ...]:
    """What Stripe asks for, each thing once, with the names under which it asks."""
    found: dict[Word, list[str]] = {}
    for name in missing:
        found.setdefault(_name_want(name), []).append(name)
    return tuple((word, tuple(names)) for word, names in found.items())


def _name_want(name: str) -> Word:
    """By the parts of Stripe's name: `individual.verification.document`, `person_1abc.dob.day`."""
    party, _dot, rest = name.partition(".")
    match party:
        case "external_account":
            return BANK
        case "tos_acceptance":
            return TERMS
        case "business_type" | "business_profile" | "documents":
            return BUSINESS
        case "owners" | "directors" | "executives":
            return PEOPLE
        case "company":
            if rest.endswith("_provided"):
                return PEOPLE
            return COMPANY_PROOF if rest.startswith("verification") else COMPANY
        case "individual" | "representative":
            return PROOF if rest.startswith("verification") else PERSON
    if party.startswith("person_"):
        return PROOF if rest.startswith("verification") else PERSON
    return OTHER


def explain(refusal: DomainError) -> Word:
    """A refusal in the reader's language."""
    return REFUSALS.get(refusal.code, refusal.message)
