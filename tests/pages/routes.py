"""Every page, and who may see it. A page that is not listed fails a test."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts import audit
from accounts.access import Permission
from accounts.models import ApiKey, Invitation, Organization, User
from marketplace import catalogue, offers, sites
from marketplace.models import Offer
from tests.cast import NOW
from tests.market import DAM, SERVING

ANYBODY, ANONYMOUS, PERSON, OPERATOR = "anybody", "anonymous", "person", "operator"


@dataclass(frozen=True, slots=True)
class Route:
    """
    A page under the name of its address. `who` may see it; ANONYMOUS pages lead those who are signed in
    elsewhere. `status` is what they get.
    """

    name: str
    path: Callable[[Organization, ApiKey], str]
    who: str | Permission
    method: str = "GET"
    status: int = 200
    data: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


def _at(path: str) -> Callable[[Organization, ApiKey], str]:
    return lambda _organization, _key: path


def _in(path: str) -> Callable[[Organization, ApiKey], str]:
    return lambda organization, key: f"/console/{organization.uid}/{path.format(key=key.uid)}"


def _of_colleague(path: str) -> Callable[[Organization, ApiKey], str]:
    return lambda organization, _: f"/console/{organization.uid}/members/{find_colleague().uid}/{path}"


def find_colleague() -> User:
    """A plain member of the lab, whom `tests.pages.test_routes` has put there."""
    return User.objects.get(email="colleague@lab.example")


def find_invitation() -> Invitation:
    """The lab's, to somebody who has no account."""
    return Invitation.objects.get()


def _of_site(path: str) -> Callable[[Organization, ApiKey], str]:
    return lambda organization, _: (
        f"/console/{organization.uid}/sites/{make_draft(organization).site.uid}/{path}"
    )


def _of_offer(path: str) -> Callable[[Organization, ApiKey], str]:
    return lambda organization, _: f"/console/{organization.uid}/offers/{make_draft(organization).uid}/{path}"


def make_draft(organization: Organization) -> Offer:
    """An offer that the organization drafted, at a site of its own."""
    found = Offer.objects.filter(organization=organization).first()
    if found is not None:
        return found
    model = catalogue.create_model(
        slug="small", name="Small", context_length=2048, max_output_default=256, actor=audit.SYSTEM, now=NOW
    )
    site = sites.create_site(organization=organization, described=DAM, actor=audit.SYSTEM, now=NOW)
    return offers.create_offer(
        organization=organization,
        site=site,
        model=model,
        serving=SERVING,
        slots=4,
        max_output_default=64,
        max_output_cap=1024,
        actor=audit.SYSTEM,
        now=NOW,
    )


ROUTES = (
    Route("home", _at("/"), ANYBODY),
    Route("board", _at("/board/"), ANYBODY),
    Route("model-page", _at("/models/none/"), ANYBODY, status=404),
    Route("quote-page", _at("/quotes/00000000-0000-4000-8000-000000000000/"), ANYBODY, status=404),
    Route("leaderboards", _at("/leaderboards/"), ANYBODY),
    Route(
        "charge-page",
        _in("charges/00000000-0000-4000-8000-000000000000/"),
        Permission.VIEW_MONEY,
        status=404,
    ),
    Route("language", _at("/language"), ANYBODY, "POST", 302, {"language": "zh-hans", "next": "/"}),
    Route("healthz", _at("/healthz"), ANYBODY),
    Route("readyz", _at("/readyz"), ANYBODY),
    Route("preferences", _at("/account/preferences/"), PERSON),
    Route("console", _at("/console/"), PERSON, status=302),
    Route("organization-new", _at("/console/organizations/new/"), PERSON),
    Route("dashboard", _in(""), Permission.VIEW),
    Route("keys-page", _in("keys/"), Permission.VIEW),
    Route("keys-page", _in("keys/"), Permission.MANAGE_KEYS, "POST", 200, {"name": "new", "mode": "LIVE"}),
    Route("key-revoke-page", _in("keys/{key}/revoke/"), Permission.MANAGE_KEYS, "POST", 302),
    Route("members-page", _in("members/"), Permission.VIEW),
    Route(
        "members-page",
        _in("members/"),
        Permission.MANAGE_MEMBERS,
        "POST",
        302,
        {"email": "newcomer@example.org", "role": "MEMBER"},
    ),
    Route("invitation-page", _at("/invitations/none/"), PERSON, status=404),
    Route(
        "invitation-revoke-page",
        lambda organization, _: (
            f"/console/{organization.uid}/members/invitations/{find_invitation().uid}/revoke/"
        ),
        Permission.MANAGE_MEMBERS,
        "POST",
        302,
    ),
    Route(
        "member-role-page", _of_colleague("role/"), Permission.MANAGE_MEMBERS, "POST", 302, {"role": "ADMIN"}
    ),
    Route("member-project-page", _of_colleague("project/"), Permission.MANAGE_MONEY, "POST", 302),
    Route("member-remove-page", _of_colleague("remove/"), Permission.MANAGE_MEMBERS, "POST", 302),
    Route("wallet-page", _in("wallet/"), Permission.VIEW_MONEY),
    Route("wallet-page", _in("wallet/USD/"), Permission.VIEW_MONEY),
    Route("wallet-page", _in("wallet/"), Permission.MANAGE_MONEY, "POST", 302, {"currency": "EUR"}),
    Route("sites-page", _in("sites/"), Permission.VIEW),
    Route("site-new-page", _in("sites/new/"), Permission.MANAGE_SITES),
    Route("site-page", _of_site(""), Permission.VIEW),
    Route("site-change-page", _of_site("change/"), Permission.MANAGE_SITES),
    Route("tariff-page", _of_site("tariff/"), Permission.MANAGE_SITES),
    Route("energy-page", _of_site("energy/"), Permission.MANAGE_SITES),
    Route("nodes-page", _of_site("nodes/"), Permission.MANAGE_SITES),
    Route("offer-new-page", _of_site("offers/new/"), Permission.MANAGE_SITES),
    Route("offer-page", _of_offer(""), Permission.VIEW),
    Route("serving-page", _of_offer("serving/"), Permission.MANAGE_SITES),
    Route("terms-page", _of_offer("terms/"), Permission.MANAGE_SITES),
    Route("offer-deed-page", _of_offer("sell/"), Permission.MANAGE_SITES, "POST", 302),
    Route("earnings-page", _in("earnings/"), Permission.VIEW_MONEY),
    Route("self-billing-page", _in("self-billing/"), Permission.VIEW_MONEY),
    Route("income-page", _in("earnings/USD/"), Permission.VIEW_MONEY),
    Route("income-csv", _in("earnings/USD/csv/"), Permission.VIEW_MONEY),
    Route("claims-page", _in("claims/"), Permission.VIEW_MONEY),
    Route("claim-page", _in(f"claims/{UUID(int=0)}/"), Permission.VIEW_MONEY, status=404),
    Route("claim-files-page", _in(f"claims/{UUID(int=0)}/files/"), Permission.VIEW_MONEY, status=404),
    Route(
        "claim-file-page",
        _in(f"claims/{UUID(int=0)}/files/{UUID(int=0)}/"),
        Permission.VIEW_MONEY,
        status=404,
    ),
    Route("claim-new-page", _in(f"charges/{UUID(int=0)}/claim/"), Permission.MANAGE_MONEY, status=404),
    Route("payouts-page", _in("payouts/"), Permission.VIEW_MONEY),
    Route("payouts-page", _in("payouts/"), Permission.MANAGE_MONEY, "POST", 302, {"every": "DAILY"}),
    Route("advice-page", _in(f"payouts/{UUID(int=0)}/"), Permission.VIEW_MONEY, status=404),
    Route("checks-page", _in("checks/"), Permission.VIEW_MONEY),
    Route("identity-check-page", _in("checks/identity/"), Permission.MANAGE_MONEY),
    Route("identity-check-page", _in("checks/identity/"), Permission.MANAGE_MONEY, "POST", 422),
    Route("check-paper-page", _in(f"checks/papers/{UUID(int=0)}/"), Permission.MANAGE_MONEY, status=404),
    Route("tax-form-page", _in("checks/tax-form/"), Permission.MANAGE_MONEY),
    Route("tax-form-page", _in("checks/tax-form/"), Permission.MANAGE_MONEY, "POST", 422),
    Route("payout-methods-page", _in("payout-methods/"), Permission.VIEW_MONEY),
    Route("connect-page", _in("stripe-account/"), Permission.VIEW_MONEY),
    Route("connect-page", _in("stripe-account/"), Permission.MANAGE_MONEY, "POST", 422),
    Route("connect-onboarding", _in("stripe-account/onboarding/"), Permission.MANAGE_MONEY, status=302),
    Route("payout-method-new-page", _in("payout-methods/new/"), Permission.MANAGE_MONEY),
    Route(
        "payout-method-deed",
        _in(f"payout-methods/{UUID(int=0)}/remove/"),
        Permission.MANAGE_MONEY,
        "POST",
        404,
    ),
    Route("deposits-page", _in("deposits/"), Permission.VIEW_MONEY),
    Route("deposits-page", _in("deposits/"), Permission.MANAGE_MONEY, "POST", 503),
    Route("money-page", _in("money/"), Permission.VIEW_MONEY),
    # No Stripe answers here; tests/stripe has what follows if one does.
    Route(
        "money-page",
        _in("money/"),
        Permission.MANAGE_MONEY,
        "POST",
        503,
        {"amount": "20", "currency": "USD", "method": "CARD"},
    ),
    Route("top-up-page", _in(f"money/{UUID(int=0)}/"), Permission.VIEW_MONEY, status=404),
    Route("recharge-page", _in("money/recharge/USD/"), Permission.VIEW_MONEY),
    Route("convert-page", _in("convert/"), Permission.VIEW_MONEY),
    Route("convert-page", _in("convert/"), Permission.MANAGE_MONEY, "POST", 422),
    Route("convert-quote-page", _in(f"convert/{UUID(int=0)}/"), Permission.MANAGE_MONEY, status=404),
    Route("statements-page", _in("statements/"), Permission.VIEW_MONEY),
    Route("statement-page", _in("statements/USD/"), Permission.VIEW_MONEY),
    Route("statement-csv-file", _in("statements/USD/csv/"), Permission.VIEW_MONEY),
    Route("statement-pdf-file", _in("statements/USD/pdf/"), Permission.VIEW_MONEY),
    Route("invoices-page", _in("invoices/"), Permission.VIEW_MONEY),
    Route(
        "invoice-file",
        _in("invoices/00000000-0000-7000-8000-000000000000/"),
        Permission.VIEW_MONEY,
        status=404,
    ),
    Route("billing-profile-page", _in("billing-profile/"), Permission.VIEW_MONEY),
    Route("billing-profile-page", _in("billing-profile/"), Permission.MANAGE_MONEY, "POST", 422),
    Route("operator", _at("/operator/"), OPERATOR),
    Route("exports-page", _at("/operator/exports/"), OPERATOR),
    Route("trade-page", _at("/operator/trade/?month=2026-01"), OPERATOR),
    # allauth's own; what each of them asks for is its own business and tested there.
    Route("account_login", _at("/account/login/"), ANONYMOUS),
    Route("account_signup", _at("/account/signup/"), ANONYMOUS),
    Route("account_logout", _at("/account/logout/"), PERSON),
    Route("account_inactive", _at("/account/inactive/"), ANYBODY),
    Route("account_email_verification_sent", _at("/account/confirm-email/"), ANYBODY, status=302),
    Route("account_confirm_login_code", _at("/account/login/code/confirm/"), ANONYMOUS, status=302),
    Route("account_reset_password", _at("/account/password/reset/"), ANYBODY),
    Route("account_reset_password_done", _at("/account/password/reset/done/"), ANYBODY),
    Route("account_reset_password_from_key", _at("/account/password/reset/key/1-x/"), ANYBODY),
    Route("account_reset_password_from_key_done", _at("/account/password/reset/key/done/"), ANYBODY),
    Route("account_reauthenticate", _at("/account/reauthenticate/"), PERSON),
    Route("account_email", _at("/account/email/"), PERSON),
    Route("account_change_password", _at("/account/password/change/"), PERSON),
    Route("account_set_password", _at("/account/password/set/"), PERSON, status=302),
    Route("mfa_index", _at("/account/2fa/"), PERSON),
    Route("mfa_authenticate", _at("/account/2fa/authenticate/"), ANONYMOUS, status=302),
    Route("mfa_reauthenticate", _at("/account/2fa/reauthenticate/"), PERSON, status=302),
    # These first ask for the password again.
    Route("mfa_activate_totp", _at("/account/2fa/totp/activate/"), PERSON, status=302),
    Route("mfa_deactivate_totp", _at("/account/2fa/totp/deactivate/"), PERSON, status=404),
    Route("mfa_view_recovery_codes", _at("/account/2fa/recovery-codes/"), PERSON, status=404),
    Route("mfa_generate_recovery_codes", _at("/account/2fa/recovery-codes/generate/"), PERSON, status=302),
    Route("mfa_download_recovery_codes", _at("/account/2fa/recovery-codes/download/"), PERSON, status=404),
    Route("mfa_list_webauthn", _at("/account/2fa/webauthn/"), PERSON),
    Route("mfa_add_webauthn", _at("/account/2fa/webauthn/add/"), PERSON, status=302),
    Route("mfa_reauthenticate_webauthn", _at("/account/2fa/webauthn/reauthenticate/"), PERSON, status=302),
    Route("mfa_remove_webauthn", _at("/account/2fa/webauthn/keys/1/remove/"), PERSON, status=302),
    Route("mfa_edit_webauthn", _at("/account/2fa/webauthn/keys/1/edit/"), PERSON, status=302),
    Route("mfa_login_webauthn", _at("/account/2fa/webauthn/login/"), ANONYMOUS, status=302),
)
