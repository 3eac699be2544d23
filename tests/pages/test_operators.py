"""A password alone opens no operators' page."""

import json
import time

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts import people, second_factors
from accounts.models import Organization, User
from config.demo.code import find_code
from tests.databases import Database
from tests.pages.conftest import PASSWORD, make_person, open_browser

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PAGES = ("/operator/", "/admin/", "/admin/accounts/user/")


@pytest.fixture
def staff(db: Database, redis_url: str) -> User:
    user = User.objects.create_superuser("staff@jouleport.example", PASSWORD)
    people.vouch_for_address(user=user)
    return user


def sign_in(email: str) -> Client:
    browser = open_browser()
    browser.post("/account/login/", {"login": email, "password": PASSWORD})
    return browser


@pytest.mark.parametrize("page", PAGES)
def test_leads_staff_without_a_second_factor_to_set_one_up(staff: User, page: str) -> None:
    answer = sign_in(staff.email).get(page, follow=True)

    assert answer.redirect_chain[-1][0].startswith("/account/2fa/?next=")
    assert "second factor" in answer.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_asks_a_session_without_the_second_factor_for_it(staff: User, page: str) -> None:
    browser = sign_in(staff.email)
    second_factors.set_one_time_secret(user=staff, secret=SECRET)

    answer = browser.get(page, follow=True)

    assert answer.redirect_chain[-1][0].startswith("/account/2fa/reauthenticate/?next=")


def test_opens_after_the_one_time_code(staff: User) -> None:
    second_factors.set_one_time_secret(user=staff, secret=SECRET)
    browser = sign_in(staff.email)
    assert browser.get("/operator/").status_code == 302

    browser.post("/account/2fa/authenticate/", {"code": find_code(SECRET, at=time.time())})

    assert [browser.get(page).status_code for page in PAGES] == [200, 200, 200]


@pytest.mark.parametrize("page", PAGES)
def test_a_customer_is_refused_without_a_traceback_in_the_log(
    lab: Organization, redis_url: str, page: str, caplog: pytest.LogCaptureFixture
) -> None:
    customer = open_browser(make_person("owner@lab.example", organization=lab))

    answer = customer.get(page, follow=True)

    assert answer.status_code == 403
    assert "those who run the exchange" in answer.content.decode()
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]


def set_up_codes(browser: Client) -> None:
    """Set up one-time codes, as the page says."""
    browser.post("/account/reauthenticate/", {"password": PASSWORD})
    assert browser.get("/account/2fa/totp/activate/").status_code == 200
    secret = browser.session["mfa.totp.secret"]
    answer = browser.post("/account/2fa/totp/activate/", {"code": find_code(secret, at=time.time())})
    assert answer.status_code == 302, answer.content


def test_an_operators_first_day(staff: User) -> None:
    browser = sign_in(staff.email)
    assert browser.get("/console/")["location"] == "/operator/"

    set_up_codes(browser)

    assert [browser.get(page).status_code for page in PAGES] == [200, 200, 200]


def test_another_factor_is_no_proof_of_the_first(staff: User) -> None:
    browser = sign_in(staff.email)
    browser.post("/account/reauthenticate/", {"password": PASSWORD})
    Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data={})

    answer = browser.get("/account/2fa/totp/activate/")

    assert answer["location"].startswith("/account/2fa/webauthn/reauthenticate/?next=")
    assert browser.get("/operator/").status_code == 302


FACTOR_PAGES = (
    "/account/2fa/",
    "/account/2fa/totp/activate/",
    "/account/2fa/totp/deactivate/",
    "/account/2fa/webauthn/",
    "/account/2fa/webauthn/add/",
    "/account/2fa/webauthn/keys/1/remove/",
    "/account/2fa/recovery-codes/",
    "/account/2fa/recovery-codes/generate/",
    "/account/2fa/recovery-codes/download/",
    "/account/reauthenticate/",
)


@pytest.mark.parametrize("page", FACTOR_PAGES)
def test_a_password_replaces_no_second_factor(staff: User, page: str) -> None:
    browser = sign_in(staff.email)
    browser.post("/account/reauthenticate/", {"password": PASSWORD})
    second_factors.set_one_time_secret(user=staff, secret=SECRET)

    answers = [browser.get(page), browser.post(page, {"password": PASSWORD})]

    assert [(answer.status_code, answer["location"].partition("?")[0]) for answer in answers] == [
        (302, "/account/2fa/reauthenticate/")
    ] * 2
    assert Authenticator.objects.filter(user=staff, type=Authenticator.Type.TOTP).exists()


def test_what_was_asked_before_the_factor_is_not_done_for_the_password_after_it(staff: User) -> None:
    browser = sign_in(staff.email)
    second_factors.set_one_time_secret(user=staff, secret=SECRET)
    goal = "/account/2fa/totp/deactivate/"
    session = browser.session
    request = {"path": goal, "path_info": goal, "method": "POST", "META": {}, "GET": "", "POST": ""}
    session["account_reauthentication_state"] = {"request": json.dumps(request)}
    session.save()

    browser.post("/account/reauthenticate/", {"password": PASSWORD, "next": goal})

    assert Authenticator.objects.filter(user=staff, type=Authenticator.Type.TOTP).exists()


def test_factors_are_managed_once_the_factor_was_shown(staff: User) -> None:
    browser = sign_in(staff.email)
    second_factors.set_one_time_secret(user=staff, secret=SECRET)

    browser.post("/account/2fa/reauthenticate/", {"code": find_code(SECRET, at=time.time())})

    assert browser.get("/account/2fa/totp/deactivate/").status_code == 200
    browser.post("/account/2fa/totp/deactivate/")
    assert not second_factors.has_second_factor(staff)


def test_the_first_factor_ends_all_other_sessions(staff: User) -> None:
    mine, other = sign_in(staff.email), sign_in(staff.email)
    assert other.get("/account/2fa/").status_code == 200

    set_up_codes(mine)

    assert mine.get("/account/2fa/").status_code == 200
    assert other.get("/account/2fa/")["location"].startswith("/account/login/")


def test_the_session_of_another_person_counts_for_nothing(staff: User, operator: Client) -> None:
    operator.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")

    assert operator.get("/operator/").status_code == 302


def test_secrets_of_one_time_codes_are_sealed(staff: User) -> None:
    second_factors.set_one_time_secret(user=staff, secret=SECRET)

    kept = Authenticator.objects.get(type=Authenticator.Type.TOTP).data["secret"]

    assert SECRET not in kept
    assert second_factors.SealingAdapter().decrypt(kept) == SECRET


@pytest.mark.parametrize("goal", ["https://evil.example/", "//evil.example"])
def test_the_admins_door_leads_nowhere_else(operator: Client, goal: str) -> None:
    assert operator.get("/admin/login/", {"next": goal})["location"] == "/admin/"
