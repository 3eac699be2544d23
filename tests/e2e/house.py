"""A whole exchange with its pages: the plant of tests/faults, a web server, stand-ins, mail in a folder."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from functools import partial
from pathlib import Path

from django.conf import global_settings
from django.test import override_settings

from accounts import audit, organizations, people, second_factors
from accounts.models import Organization, Role, User
from billing import wallets
from billing.fx.tasks import note_rates
from billing.rails.chain import deposits
from config import chain, desk, processes, secrets
from core.money import Money
from tests.faults.plant import Plant, django_at, free_port, make_plant

PASSWORD = "a solar park at noon"
# Signs what the stand-in for Stripe tells this house.
WEBHOOK_SECRET = "whsec_of_this_house"
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
        stripe, node = free_port(), free_port()
        self.plant.settings |= {
            **chain.SETTINGS,
            "JOULEPORT_CHAIN_URL": f"http://127.0.0.1:{node}",
            "JOULEPORT_STRIPE_URL": f"http://127.0.0.1:{stripe}",
            "JOULEPORT_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "JOULEPORT_FX_RATE_HOURS": desk.FILE_RATE_HOURS,
            # No answer here costs so much that a credit would take two operators otherwise.
            "JOULEPORT_CLAIM_CREDIT_ALONE": "USD:0",
            "JOULEPORT_AUDIT_KEY": secrets.make_signing_key(),
        }
        self.plant.open()
        self._open_stand_ins(stripe, node)
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

    def _open_stand_ins(self, stripe: int, node: int) -> None:
        """What answers in place of Stripe and of a chain."""
        told = f"http://127.0.0.1:{self.port}/api/stripe/webhook"
        chain_id = chain.SETTINGS["JOULEPORT_CHAIN_ID"]
        words = {
            "stripe": (stripe, "--state", str(self.plant.home / "stripe.sqlite"), "--webhook", told),
            "chain": (node, "--chain-id", chain_id, "--block-seconds", "0.3"),
        }
        environ = self.plant.programs["gateway"].environ
        for name, (port, *options) in words.items():
            self.plant.programs[name] = desk.python(
                name,
                *("-m", f"stand_ins.{name}", "--port", str(port), *map(str, options)),
                is_ready=partial(desk.listens, ("127.0.0.1", port)),
                environ=environ,
            )
        self.plant.start(*words)
        with self.books():
            addresses = chain.ADDRESSES.read_text(encoding="utf-8").split()
            deposits.add_addresses(addresses=addresses, actor=audit.SYSTEM, now=datetime.now(UTC))
            note_rates()

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
