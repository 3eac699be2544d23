"""A web server with its own PostgreSQL and Redis, a gateway on the same port, and mail that falls into a folder."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from django.conf import global_settings
from django.core.management import call_command
from django.test import override_settings

from accounts import audit, organizations, people, second_factors
from accounts.models import Organization, Role, User
from billing import wallets
from config import desk, processes
from config.embedded import postgres
from config.embedded import redis as embedded_redis
from core.money import Money
from tests.faults.plant import django_at, free_port

PASSWORD = "a solar park at noon"


@dataclass
class House:
    """Where the pages are, and who lives there."""

    home: Path
    cluster: postgres.Cluster
    redis_server: embedded_redis.Server
    port: int = 0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Passkeys need a name: for a browser an address of numbers is none."""
        return f"http://localhost:{self.port}"

    def open(self) -> None:
        """Start everything."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.cluster.prepare()
        self.redis_server.prepare()
        self._start(self.cluster.program())
        self._start(self.redis_server.program())
        self.cluster.make_roles()
        with django_at(self.cluster):
            call_command("migrate", database="owner", verbosity=0)
        self.port = free_port()
        environ = {
            "DATABASE_URL": self.cluster.url(postgres.APP_ROLE),
            "DATABASE_OWNER_URL": self.cluster.url(postgres.OWNER_ROLE),
            "REDIS_URL": self.redis_server.url,
            "JOULEPORT_HOME": str(self.home),
            "JOULEPORT_WEB_ADDRESS": f"127.0.0.1:{self.port}",
            "JOULEPORT_MAIL_URL": f"file://{self.home / 'mail'}",
            "JOULEPORT_LOG_LEVEL": "INFO",
        }
        program = desk.python(
            "web",
            *("-m", "config.serve"),
            is_ready=lambda: desk.answers(f"http://127.0.0.1:{self.port}/readyz"),
            environ=environ,
        )
        self._start(program)

    def _start(self, program: processes.Program) -> None:
        with (self.home / f"{program.name}.log").open("ab") as log:
            process = processes.start(program, output=log)
        self.running.append(process)
        processes.wait_ready(program, process)

    def read_mail(self, to: str) -> list[Message]:
        """Mail to an address, oldest first."""
        paths = sorted((self.home / "mail").glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        # The folder's files hold messages with rules between them.
        texts = [part for path in paths for part in path.read_bytes().split(b"\n" + b"-" * 79 + b"\n")]
        found = [message_from_bytes(text) for text in texts if text.strip()]
        return [message for message in found if message["to"] == to]

    def close(self) -> None:
        """End everything."""
        for process in reversed(self.running):
            processes.kill_group(process)
            process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def make_house(home: Path) -> House:
    """A house kept under `home`, not yet opened."""
    return House(
        home=home,
        cluster=postgres.make_cluster(home / "postgres", setting=os.environ.get("JOULEPORT_PG_BIN", "")),
        redis_server=embedded_redis.make_server(home / "redis"),
    )


def make_person(
    email: str, *, organization: Organization | None = None, role: Role = Role.OWNER, secret: str = ""
) -> User:
    """A person with a verified address, in a role, with one-time codes by `secret` if one is given."""
    now = datetime.now(UTC)
    # Other tests hash quickly; the server is a real one and would not know such a hash.
    with override_settings(PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS):
        user = User.objects.create_user(email, PASSWORD, name=email.partition("@")[0].title())
    people.vouch_for_address(user=user)
    if organization is not None:
        organizations.add_member(organization=organization, user=user, role=role, actor=audit.SYSTEM, now=now)
    if secret:
        second_factors.set_one_time_secret(user=user, secret=secret)
    return user


def make_operator(email: str, *, secret: str) -> User:
    """A member of the staff with one-time codes."""
    user = make_person(email, secret=secret)
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    return user


def fund(organization: Organization, amount: Money) -> None:
    """Money in an organization's wallet."""
    wallets.top_up(
        organization_id=organization.pk,
        amount=amount,
        bank_reference=f"{organization.pk} {amount}",
        actor="test",
        happened_at=datetime.now(UTC),
    )
