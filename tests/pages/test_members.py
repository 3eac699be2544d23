"""The page of members: the same services as REST, told in words."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from accounts import audit, projects
from accounts.models import Invitation, Membership, Organization, Project, Role, User
from tests.cast import NOW
from tests.pages.conftest import make_person, open_browser


@pytest.fixture
def owner(redis_url: str, lab: Organization, member_of: Callable[[Role], Client]) -> Client:
    return member_of(Role.OWNER)


@pytest.fixture
def colleague(redis_url: str, lab: Organization) -> User:
    return make_person("colleague@lab.example", organization=lab, role=Role.MEMBER)


@pytest.fixture
def night(lab: Organization) -> Project:
    return projects.create_project(organization=lab, name="night", actor=audit.SYSTEM, now=NOW)


def post(browser: Client, lab: Organization, path: str = "", **data: str) -> Any:
    return browser.post(f"/console/{lab.uid}/members/{path}", data, follow=True)


def find_role(lab: Organization, user: User) -> str | None:
    return Membership.objects.filter(organization=lab, user=user).values_list("role", flat=True).first()


def find_path(outbox: list[EmailMessage]) -> str:
    """The path in the link of the last mail."""
    link = next(line for line in str(outbox[-1].body).splitlines() if line.startswith("http"))
    return link.removeprefix("http://localhost")


def test_whoever_is_invited_and_accepts_is_a_member(
    owner: Client, lab: Organization, outbox: list[EmailMessage]
) -> None:
    newcomer = make_person("newcomer@example.org")

    sent = post(owner, lab, email="Newcomer@Example.org", role="FINANCE")
    before = find_role(lab, newcomer)
    browser = open_browser(newcomer)
    asked = browser.get(find_path(outbox))
    answer = browser.post(find_path(outbox), follow=True)

    assert "on its way to newcomer@example.org" in sent.content.decode()
    assert "newcomer@example.org" in owner.get(f"/console/{lab.uid}/members/").content.decode()
    assert "Join Lab?" in asked.content.decode()
    assert (before, find_role(lab, newcomer)) == (None, "FINANCE")
    assert "You are a member of Lab now." in answer.content.decode()
    again = post(owner, lab, email=newcomer.email, role="MEMBER")
    assert (again.status_code, "member already" in again.content.decode()) == (409, True)


def test_known_and_unknown_addresses_get_one_answer(owner: Client, lab: Organization) -> None:
    make_person("known@example.org")

    answers = [post(owner, lab, email=f"{name}@example.org", role="MEMBER") for name in ("known", "other")]

    assert [answer.redirect_chain for answer in answers] == [[(f"/console/{lab.uid}/members/", 302)]] * 2
    assert all("An invitation is on its way to" in answer.content.decode() for answer in answers)
    assert not Membership.objects.filter(user__email="known@example.org").exists()


def test_an_invitation_is_only_for_whoever_reads_that_mail(
    owner: Client, lab: Organization, outbox: list[EmailMessage]
) -> None:
    somebody = open_browser(make_person("somebody@example.org"))
    post(owner, lab, email="newcomer@example.org", role="MEMBER")

    path = find_path(outbox)
    answers = [somebody.get(path), somebody.post(path), somebody.get("/invitations/none/")]

    assert [answer.status_code for answer in answers] == [403, 403, 404]
    assert Membership.objects.filter(organization=lab).count() == 1
    assert open_browser().get(path)["location"].startswith("/account/login/?next=/invitations/")


def test_an_invitation_that_is_taken_back_opens_nothing(
    owner: Client, lab: Organization, outbox: list[EmailMessage]
) -> None:
    browser = open_browser(make_person("newcomer@example.org"))
    post(owner, lab, email="newcomer@example.org", role="MEMBER")

    answer = post(owner, lab, f"invitations/{Invitation.objects.get().uid}/revoke/")

    assert "taken back" in answer.content.decode()
    assert browser.post(find_path(outbox)).status_code == 404


def test_only_owners_make_owners(
    owner: Client, colleague: User, lab: Organization, member_of: Callable[[Role], Client]
) -> None:
    newcomer, admin = make_person("newcomer@example.org"), member_of(Role.ADMIN)
    boss = User.objects.get(email="owner@lab.example")

    refused = [
        post(admin, lab, email=newcomer.email, role="OWNER"),
        post(admin, lab, f"{colleague.uid}/role/", role="OWNER"),
        post(admin, lab, f"{boss.uid}/role/", role="MEMBER"),
        post(admin, lab, f"{boss.uid}/remove/"),
    ]

    assert [answer.status_code for answer in refused] == [422, 403, 403, 403]
    assert find_role(lab, newcomer) is None
    assert (find_role(lab, colleague), find_role(lab, boss)) == ("MEMBER", "OWNER")
    page = admin.get(f"/console/{lab.uid}/members/").content.decode()
    assert 'value="OWNER"' not in page
    assert f"remove-{boss.uid}" not in page
    post(owner, lab, f"{colleague.uid}/role/", role="OWNER")
    assert find_role(lab, colleague) == "OWNER"


def test_a_member_is_removed_after_a_question(owner: Client, colleague: User, lab: Organization) -> None:
    page = owner.get(f"/console/{lab.uid}/members/").content.decode()
    assert f'<dialog id="remove-{colleague.uid}"' in page

    answer = post(owner, lab, f"{colleague.uid}/remove/")

    assert "is no member of" in answer.content.decode()
    assert find_role(lab, colleague) is None
    assert post(owner, lab, f"{colleague.uid}/remove/").status_code == 404


def test_the_last_owner_stays(owner: Client, lab: Organization) -> None:
    me = User.objects.get(email="owner@lab.example")

    answers = [post(owner, lab, f"{me.uid}/role/", role="ADMIN"), post(owner, lab, f"{me.uid}/remove/")]

    assert all("The last owner stays" in answer.content.decode() for answer in answers)
    assert find_role(lab, me) == "OWNER"


def test_whoever_leaves_sees_nothing_any_more(colleague: User, lab: Organization) -> None:
    browser = open_browser(colleague)

    answer = browser.post(f"/console/{lab.uid}/members/{colleague.uid}/remove/")

    assert answer["location"] == "/console/"
    assert find_role(lab, colleague) is None
    assert browser.get(f"/console/{lab.uid}/members/").status_code == 404


def test_finance_moves_members_to_projects_and_changes_no_role(
    night: Project, colleague: User, lab: Organization, member_of: Callable[[Role], Client]
) -> None:
    finance = member_of(Role.FINANCE)
    page = finance.get(f"/console/{lab.uid}/members/").content.decode()

    moved = post(finance, lab, f"{colleague.uid}/project/", project=str(night.uid))

    assert ("Move there" in page, "Give this role" in page, "Invite somebody" in page) == (True, False, False)
    assert "spend there from now on" in moved.content.decode()
    membership = Membership.objects.get(organization=lab, user=colleague)
    assert membership.project == night
    post(finance, lab, f"{colleague.uid}/project/", project="")
    membership.refresh_from_db()
    assert membership.project is None


@pytest.mark.parametrize("project", ["x", "00000000-0000-4000-8000-000000000000"])
def test_a_project_that_is_not_there_is_not_found(
    owner: Client, colleague: User, lab: Organization, project: str
) -> None:
    assert post(owner, lab, f"{colleague.uid}/project/", project=project).status_code == 404


def test_a_project_that_has_ended_takes_nobody(
    owner: Client, night: Project, colleague: User, lab: Organization
) -> None:
    projects.archive_project(project=night, actor=audit.SYSTEM, now=NOW)

    answer = post(owner, lab, f"{colleague.uid}/project/", project=str(night.uid))

    assert "This project has ended" in answer.content.decode()
    assert Membership.objects.get(organization=lab, user=colleague).project is None


def test_a_role_that_is_none_changes_nothing(owner: Client, colleague: User, lab: Organization) -> None:
    answer = post(owner, lab, f"{colleague.uid}/role/", role="KING")

    assert "Nothing was changed" in answer.content.decode()
    assert find_role(lab, colleague) == "MEMBER"


def test_members_see_names_and_may_only_leave(colleague: User, lab: Organization, owner: Client) -> None:
    page = open_browser(colleague).get(f"/console/{lab.uid}/members/").content.decode()

    assert "owner@lab.example" in page
    assert page.count("data-opens=") == 1
    assert "Leave it" in page
