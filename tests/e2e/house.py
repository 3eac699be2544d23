"""A whole exchange with its pages: the plant of tests/faults, a web server, and mail in a folder."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from django.conf import global_settings
from django.test import override_settings

from accounts import audit, organizations, people, second_factors
from accounts.models import Organization, Role, User
from billing import wallets
from config import desk, processes
from core.money import Money
from tests.faults.plant import Plant, django_at, free_port, make_plant

PASSWORD = "a solar park at noon"
RULE = b"\n" + b"-" * 79 + b"\n"


@dataclass
class House:
    """Where the pages are, and who lives there. The gateway answers on the same port."""

    plant: Plant
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Passkeys need a name: for a browser an address of numbers is none."""
        return f"http://localhost:{self.port}"

    @property
    def mail(self) -> Path:
        """Where mail falls."""
        return self.plant.home / "mail"

    def open(self) -> None:
        """Start everything."""
        self.plant.open()
        environ = {
            **self.plant.programs["gateway"].environ,
            "JOULEPORT_WEB_ADDRESS": f"127.0.0.1:{self.port}",
            "JOULEPORT_MAIL_URL": f"file://{self.mail}",
        }
        self.plant.programs["web"] = desk.python(
            "web",
            *("-m", "config.serve"),
            is_ready=lambda: desk.answers(f"http://127.0.0.1:{self.port}/readyz"),
            environ=environ,
        )
        self.plant.start("web")

    def close(self) -> None:
        """End everything."""
        for process in self.plant.running.values():
            processes.kill_group(process)
        self.plant.close()

    @contextlib.contextmanager
    def books(self) -> Iterator[None]:
        """Django in this process reads and writes the house's database."""
        with django_at(self.plant.cluster):
            yield

    def read_mail(self, to: str) -> list[str]:
        """Bodies of mail to an address, oldest first."""
        paths = sorted(self.mail.glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        texts = [part for path in paths for part in path.read_bytes().split(RULE) if part.strip()]
        found = [message_from_bytes(text) for text in texts]
        return [_read_body(message) for message in found if message["to"] == to]


def open_house(home: Path) -> House:
    """A house kept under `home`, with everything running."""
    house = House(make_plant(home))
    house.open()
    return house


def _read_body(message: Message) -> str:
    body = message.get_payload(decode=True)
    return body.decode() if isinstance(body, bytes) else ""


def make_organization(name: str) -> Organization:
    """An organization without members."""
    return organizations.create_organization(name=name, country="SE", now=datetime.now(UTC))


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


def make_operator(email: str, *, secret: str = "") -> User:
    """A member of the staff, with one-time codes by `secret` if one is given."""
    user = make_person(email, secret=secret)
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    return user


def fund(organization: Organization, amount: str, *, currency: str = "USD") -> None:
    """Money in an organization's wallet."""
    now = datetime.now(UTC)
    wallets.top_up(
        organization_id=organization.pk,
        amount=Money.parse(amount, currency),
        bank_reference=f"{organization.pk} {amount} {currency}",
        actor="test",
        happened_at=now,
    )
