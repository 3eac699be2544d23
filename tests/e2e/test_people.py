"""People arrive, prove who they are, and are kept out of what is not theirs."""

import re

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from openai import AuthenticationError, OpenAI
from playwright.sync_api import expect

from accounts import audit, projects
from accounts.models import Organization, Role
from tests.e2e import house as houses
from tests.e2e.conftest import SECRET, Cast, Open, Window
from tests.e2e.house import PASSWORD

INVITATION = re.compile(r"/invitations/[^/\s]+/")
CODE = re.compile(r"^[A-Z]{4}-[A-Z]{4}\r?$", re.MULTILINE)


def test_from_signing_up_to_the_first_answer(window: Window) -> None:
    page = window.go("/")
    page.get_by_role("link", name="Get a key").click()
    page.get_by_label("Your name").fill("Nova")
    page.get_by_label("Email").fill("nova@nova.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Organization").fill("Nova Research")
    page.get_by_label("Country").select_option("SE")
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    page.wait_for_url("**/confirm-email/")
    found = CODE.search(window.house.read_mail("nova@nova.example")[-1])
    assert found is not None
    page.locator("#id_code").fill(found[0].strip())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nova Research")

    page.get_by_role("link", name="Make a key").click()
    page.get_by_label("Name", exact=True).fill("laptop")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#secret").inner_text()
    assert key.startswith("jp_live_")
    page.goto(page.url)
    assert key not in page.content()

    with window.house.books():
        houses.fund(Organization.objects.get(name="Nova Research"), "5")
    client = OpenAI(base_url=f"{window.house.url}/v1", api_key=key, max_retries=0)
    answer = client.chat.completions.create(
        model="small", messages=[{"role": "user", "content": "Why?"}], max_tokens=5
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5

    page.get_by_role("button", name="Revoke laptop").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_text("no longer works")).to_be_visible()
    with pytest.raises(AuthenticationError):
        client.models.list()


def test_a_weak_password_is_refused_where_it_was_typed(window: Window) -> None:
    page = window.go("/account/signup/")
    for label, text in {"Your name": "N", "Email": "n@n.example", "Password": "password12"}.items():
        page.get_by_label(label).fill(text)
    page.get_by_label("Organization").fill("N")
    page.get_by_label("Country").select_option("SE")
    page.get_by_role("main").get_by_role("button", name="Sign up").click()

    field = page.get_by_label("Password")
    expect(field).to_have_attribute("aria-invalid", "true")
    described = (field.get_attribute("aria-describedby") or "").split()
    assert "id_password1_error" in described
    expect(page.locator("#id_password1_error")).to_contain_text("too common")
    expect(page.get_by_role("alert")).to_be_focused()


def test_one_time_codes_and_recovery_codes(window: Window, cast: Cast) -> None:
    with window.house.books():
        houses.make_person("totp@lab.example", organization=cast.lab)
    page = window.sign_in("totp@lab.example")
    window.go_confirmed("/account/2fa/totp/activate/")
    secret = page.locator("#authenticator_secret").input_value()
    window.type_code(secret)
    page.wait_for_url("**/2fa/recovery-codes/**")
    recovery = page.locator("#recovery_codes").input_value().split()
    assert len(recovery) == 10
    window.context.clear_cookies()

    page = window.go("/account/login/")
    page.get_by_label("Email").fill("totp@lab.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    page.locator("#id_code").fill("000000")
    page.locator("form:has(#id_code) button[type=submit]").first.click()
    expect(page.get_by_role("alert").first).to_contain_text("Incorrect code")
    page.locator("#id_code").fill(recovery[0])
    page.locator("form:has(#id_code) button[type=submit]").first.click()
    page.wait_for_url("**/console/**")


def test_a_passkey_instead_of_a_password(window: Window, cast: Cast) -> None:
    with window.house.books():
        houses.make_person("passkey@lab.example", organization=cast.lab)
    page = window.sign_in("passkey@lab.example")
    devtools = window.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    window.go_confirmed("/account/2fa/webauthn/add/")
    page.get_by_label("Passwordless").check()
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url("**/2fa/**")
    expect(page.get_by_text("Master key").or_(page.locator("#recovery_codes")).first).to_be_visible()
    window.context.clear_cookies()

    window.go("/account/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()

    page.wait_for_url("**/console/**")
    expect(page.get_by_role("heading", level=1)).to_have_text("Lab of Light")


def test_a_passkey_that_is_not_there_says_so(window: Window) -> None:
    page = window.go("/account/login/")
    devtools = window.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "isUserVerified": False}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_role("alert")).to_contain_text("not accepted")


def test_roles_see_what_they_may(open_window: Open, cast: Cast) -> None:
    member = open_window()
    page = member.sign_in(Cast.email(Role.MEMBER))
    expect(page.get_by_role("link", name="Wallet")).to_have_count(0)
    page = member.go(f"/console/{cast.lab.uid}/keys/")
    expect(page.get_by_role("button", name="Make the key")).to_have_count(0)
    page = member.go(f"/console/{cast.lab.uid}/wallet/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    member.expect_complaint("403")

    finance = open_window()
    page = finance.sign_in(Cast.email(Role.FINANCE))
    page.get_by_role("link", name="Wallet").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wallet")


def test_foreign_organizations_are_not_found(window: Window, cast: Cast) -> None:
    with window.house.books():
        houses.make_person("owner@else.example", organization=houses.make_organization("Elsewhere"))
    window.sign_in("owner@else.example")

    page = window.go(f"/console/{cast.lab.uid}/")

    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing here")
    window.expect_complaint("404")


def test_operators_need_a_second_factor(open_window: Open, cast: Cast) -> None:
    bare = open_window()
    page = bare.go("/operator/")
    page.get_by_label("Email").fill("bare@jouleport.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/account/2fa/**")
    expect(page.get_by_text("Operators need a second factor")).to_be_visible()

    ready = open_window()
    page = ready.go("/operator/")
    page.get_by_label("Email").fill("ops@jouleport.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    ready.type_code(SECRET)
    page.wait_for_url("**/operator/")
    expect(page.get_by_role("heading", level=1)).to_have_text("The exchange now")
    expect(page.get_by_text("does not balance")).to_have_count(0)


def test_signing_in_is_limited(window: Window) -> None:
    # Few enough that nobody else in these tests, who come from the same address, is kept out.
    url = window.house.url + "/account/login/"
    with httpx.Client(trust_env=False) as client:
        statuses = []
        for _ in range(6):
            client.get(url)
            token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', client.get(url).text)
            assert token is not None
            data = {"csrfmiddlewaretoken": token[1], "login": "nobody@lab.example", "password": "wrong"}
            answer = client.post(url, data=data)
            statuses.append((answer.status_code, "Too many failed" in answer.text))

    assert statuses[0] == (200, False)
    assert statuses[-1] == (200, True)


def test_members_come_change_and_go(window: Window, open_window: Open) -> None:
    with window.house.books():
        crew = houses.make_organization("Crew")
        houses.make_person("captain@crew.example", organization=crew)
        houses.make_person("hand@crew.example")
        projects.create_project(organization=crew, name="night", actor=audit.SYSTEM, now=timezone.now())
    window.sign_in("captain@crew.example")
    page = window.go(f"/console/{crew.uid}/members/")

    page.get_by_label("Email").fill("hand@crew.example")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_role("region", name="Invited").first).to_contain_text("hand@crew.example")
    guest = open_window()
    guest.sign_in("hand@crew.example")
    link = INVITATION.search(window.house.read_mail("hand@crew.example")[-1])
    assert link is not None
    guest.go(link[0]).get_by_role("button", name="Accept the invitation").click()
    expect(guest.page.get_by_text("You are a member of Crew now.")).to_be_visible()
    page.reload()
    row = page.get_by_role("row", name="hand@crew.example")
    expect(row).to_contain_text("Member")

    row.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog")
    assert [found["id"] for found in Axe().run(page).response["violations"]] == []
    dialog.get_by_label("Role").select_option("FINANCE")
    dialog.get_by_role("button", name="Give this role").click()
    expect(row).to_contain_text("Finance")
    row.get_by_role("button", name="Change").click()
    page.get_by_role("dialog").get_by_label("Project").select_option("night")
    page.get_by_role("dialog").get_by_role("button", name="Move there").click()
    expect(row).to_contain_text("night")

    row.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove them").click()
    expect(row).to_have_count(0)
    expect(page.get_by_text("is no member of Crew any more")).to_be_visible()
