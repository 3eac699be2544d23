"""People and programs that call the REST interface."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth.models import Permission as DjangoPermission
from django.http import HttpRequest
from rest_framework.test import APIClient

from accounts import agent_tokens, audit, invitations, keys, organizations, projects
from accounts.keys import IssuedKey
from accounts.models import AgentToken, Invitation, Organization, Project, Role, User
from billing import limits
from billing.limits import Kind, Limit, Period, Subject
from billing.wallets import Wallet
from core.money import Money
from marketplace.models import Job
from tests.api import running
from tests.cast import NOW
from tests.databases import Database
from tests.market import Stand, fund_wallet, lab_wallet, small, stand  # noqa: F401
from tests.workers.conftest import BLOB_KEY
from workers import blobs, jobs
from workers.blobs import FolderStore
from workers.models import Attempt

Call = Callable[..., Any]


@pytest.fixture
def now() -> datetime:
    """The database's own time."""
    return datetime.now(UTC)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    """Where views keep deferred texts."""
    store = FolderStore(tmp_path / "blobs", keys=[BLOB_KEY])
    monkeypatch.setattr(blobs, "open_store", lambda: store)
    return store


def make_user(organization: Organization | None, role: Role, name: str) -> User:
    """A person, in a role of an organization."""
    user = User.objects.create_user(email=f"{name}@example.org", password=None, name=name)
    if organization is not None:
        organizations.add_member(organization=organization, user=user, role=role, actor=audit.SYSTEM, now=NOW)
    return user


def make_client() -> APIClient:
    """Nobody in particular."""
    return APIClient(SERVER_NAME="localhost")


def sign_in(user: User) -> APIClient:
    """A browser in which somebody is signed in."""
    client = make_client()
    client.force_login(user)
    return client


def use_key(text: str) -> APIClient:
    """A program with a key."""
    client = make_client()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


@dataclass(frozen=True, slots=True)
class Farm:
    """The farm with one of everything that REST shows."""

    organization: Organization
    owner: User
    key: IssuedKey
    wallet: Wallet
    token: AgentToken
    stand: Stand
    job: Job
    colleague: User | None = None
    done: Job | None = None
    """A job that was run, with its attempt, receipt and flag; its charge is in quarantine."""
    attempt: Attempt | None = None
    flag: int = 0
    quarantined: int = 0
    project: Project | None = None
    """With a monthly limit and nothing in it."""
    limit: Limit | None = None
    invitation: Invitation | None = None
    """To somebody who has no account."""
    event: str = ""
    """What its site is asked to do the day after tomorrow."""


@pytest.fixture
def estate(farm: Organization, stand: Stand, store: FolderStore, now: datetime) -> Farm:  # noqa: F811
    """The farm buys as well: it has a key, a wallet and a job that waits."""
    owner = make_user(farm, Role.OWNER, "owner")
    key = keys.issue_key(organization=farm, name="farm", actor=audit.SYSTEM, now=NOW)
    wallet = fund_wallet(farm)
    token = agent_tokens.issue_agent_token(organization=farm, name="spare", actor=audit.SYSTEM, now=NOW)
    body = {"model": "small", "messages": [{"role": "user", "content": "Why?"}]}
    uid = jobs.submit_job(
        organization=farm, api_key=key.key, body=json.dumps(body).encode(), now=now, store=store
    ).uid
    job = jobs.find_job(organization=farm, uid=uid)
    return Farm(farm, owner, key, wallet, token.agent_token, stand, job)


@pytest.fixture
def full_estate(db: Database, estate: Farm) -> Farm:
    """The farm with a colleague, and a job that was run and went wrong in every way."""
    colleague = make_user(estate.organization, Role.MEMBER, "colleague")
    body = {"model": "small", "messages": [{"role": "user", "content": "How?"}]}
    uid = jobs.submit_job(
        organization=estate.organization,
        api_key=estate.key.key,
        body=json.dumps(body).encode(),
        now=datetime.now(UTC),
        store=blobs.open_store(),
    ).uid
    done = jobs.find_job(organization=estate.organization, uid=uid)
    running.run_job(db, done, estate, tokens_out=5)
    attempt = Attempt.objects.get(job=done)
    running.add_receipt(db, attempt)
    project, limit = make_limit(estate.organization)
    running.load_figures()
    return replace(
        estate,
        project=project,
        limit=limit,
        colleague=colleague,
        invitation=invitations.invite(
            organization=estate.organization,
            email="invited@example.org",
            role=Role.MEMBER,
            inviter=estate.owner,
            now=datetime.now(UTC),
            write_link=str,
        ),
        done=done,
        attempt=attempt,
        flag=running.add_flag(db, attempt),
        quarantined=running.quarantine(db, attempt),
        event=str(running.ask_for_load(estate.stand.site, days=2).uid),
    )


def make_limit(organization: Organization) -> tuple[Project, Limit]:
    """A project in which nothing is, limited to five dollars a month."""
    now = datetime.now(UTC)
    project = projects.create_project(organization=organization, name="night", actor=audit.SYSTEM, now=now)
    limit = limits.set_limit(
        organization=organization,
        subject=Subject(Kind.PROJECT, project.pk, project.uid, project.name),
        period=Period.MONTHLY,
        ceiling=Money.parse("5", "USD"),
        actor=audit.SYSTEM,
        now=now,
    )
    return project, limit


def make_operator(*rights: str, name: str = "operator") -> User:
    """Staff with these rights: `billing.view_chargequarantine`."""
    user = make_user(None, Role.MEMBER, name)
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    for right in rights:
        label, codename = right.split(".")
        user.user_permissions.add(
            DjangoPermission.objects.get(content_type__app_label=label, codename=codename)
        )
    return user


def use_second_factor(user: User) -> APIClient:
    """A browser in which somebody is signed in who has shown a one-time code."""
    client = sign_in(user)
    request = HttpRequest()
    request.session, request.user = client.session, user
    record_authentication(request, user, "mfa", type="totp")
    request.session.save()
    return client
