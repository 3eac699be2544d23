"""Providers' own addresses: submitted, looked at by an operator, and their credentials at rest."""

import io
import json
import logging
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection

from accounts import audit
from accounts.models import AuditEvent, Organization, Role, User
from core import addresses
from core.addresses import AddressRefused, HostUnknown
from core.credentials import name_key
from core.errors import NotFound
from tests.api.conftest import make_user, sign_in, use_second_factor
from tests.cast import NOW
from tests.databases import Database
from tests.market import Stand
from tests.signing_in import sign_in_operator
from workers import nodes, upstreams
from workers.models import DirectUpstream
from workers.upstream.guard import Policy
from workers.upstream.targets import Directory, Target

URL = "https://models.example/v1"
SECRET = "sk-canary-0123456789"
ACTOR = audit.SYSTEM


@pytest.fixture
def operator(db: Database) -> User:
    return User.objects.create_superuser("operator@example.org", "a long password")


@pytest.fixture(autouse=True)
def public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver knows the one name of these tests."""
    known = {"models.example": ["93.184.216.34"], "inside.example": ["93.184.216.34", "10.0.0.8"]}

    def resolve(host: str, port: int) -> list[str]:
        if host not in known:
            raise OSError(host)
        return known[host]

    def find(host: str, port: int) -> list[Any]:
        return list(addresses.find_addresses(host, port, resolve=resolve))

    monkeypatch.setattr(upstreams, "find_addresses", find)


def submit(stand: Stand, **changed: Any) -> DirectUpstream:
    wanted: dict[str, Any] = {"url": URL, "credential": SECRET, "slots": 4} | changed
    return upstreams.submit_upstream(node=stand.node, actor=ACTOR, now=NOW, **wanted)


def admit(stand: Stand, operator: User) -> DirectUpstream:
    upstream = upstreams.find_upstream(node=stand.node)
    upstreams.admit_upstream(upstream=upstream, operator=operator, now=NOW)
    return upstream


def read_targets(*keys: str) -> dict[str, Target]:
    """What a gateway with these keys would call."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT node_id, node_uid, uid, url, slots, credential, running FROM upstreams_v1()")
        rows = cursor.fetchall()
    return Directory(keys or settings.CREDENTIAL_KEYS, policy=Policy()).read(rows)


def test_an_address_is_called_from_the_operators_word_on(stand: Stand, operator: User) -> None:
    upstream = submit(stand)
    assert (upstream.state, read_targets()) == ("PENDING", {})

    admit(stand, operator)

    [target] = read_targets().values()
    assert (target.origin.host, target.prefix, target.slots) == ("models.example", "/v1", 4)
    assert target.credential == SECRET
    events = list(AuditEvent.objects.filter(action__startswith="upstream.").order_by("id"))
    assert [event.action for event in events] == ["upstream.submit", "upstream.admit"]
    assert (events[1].actor_uid, events[1].subject_uid) == (operator.uid, stand.node.uid)

    upstreams.refuse_upstream(upstream=upstreams.find_upstream(node=stand.node), operator=operator, now=NOW)
    assert read_targets() == {}


def test_only_another_address_waits_for_an_operator_again(stand: Stand, operator: User) -> None:
    submit(stand)
    admit(stand, operator)

    assert submit(stand, credential=SECRET + "2", slots=8).state == "ADMITTED"
    [target] = read_targets().values()
    assert (target.credential, target.slots) == (SECRET + "2", 8)
    assert submit(stand, credential=None, slots=9).state == "ADMITTED"
    assert read_targets()[str(stand.node.uid)].credential == SECRET + "2"

    moved = submit(stand, url="https://models.example/other/v1")
    assert (moved.state, moved.decided_at, moved.decided_by) == ("PENDING", None, None)
    assert read_targets() == {}


def test_a_kept_credential_is_never_sent_to_another_address(stand: Stand) -> None:
    with pytest.raises(upstreams.CredentialNeeded):
        submit(stand, credential=None)
    submit(stand)

    with pytest.raises(upstreams.CredentialNeeded):
        submit(stand, url="https://other.example/v1", credential=None)

    assert upstreams.find_upstream(node=stand.node).url == URL


@pytest.mark.parametrize(
    "credential", ["short", "with space in it", "line\r\nbreak-1234", "é" * 10, "a" * 5000]
)
def test_a_credential_that_no_header_carries_is_refused(stand: Stand, credential: str) -> None:
    with pytest.raises(upstreams.CredentialInvalid) as refused:
        submit(stand, credential=credential)

    assert credential not in str(refused.value) + refused.value.message
    assert not DirectUpstream.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        *("http://models.example/v1", "https://127.1/v1", "https://2130706433/v1", "https://0x7f.1/v1"),
        *("https://0177.0.0.1/v1", "https://models.example:22/v1", "https://a:b@models.example/v1"),
    ],
)
def test_an_address_that_is_never_called_is_refused_at_once(stand: Stand, url: str) -> None:
    with pytest.raises(AddressRefused):
        submit(stand, url=url)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://inside.example/v1", AddressRefused),
        ("https://nowhere.example/v1", HostUnknown),
        ("https://[::ffff:127.0.0.1]/v1", AddressRefused),
        ("https://100.64.0.1/v1", AddressRefused),
    ],
)
def test_an_operator_cannot_admit_what_leads_inside(
    stand: Stand, operator: User, url: str, error: type[Exception]
) -> None:
    submit(stand, url=url)

    with pytest.raises(error):
        admit(stand, operator)

    assert upstreams.find_upstream(node=stand.node).state == "PENDING"


def test_what_changed_since_the_operator_looked_is_not_admitted(stand: Stand, operator: User) -> None:
    looked_at = submit(stand)
    submit(stand, url="https://models.example/other/v1")

    with pytest.raises(upstreams.UpstreamDecided):
        upstreams.admit_upstream(upstream=looked_at, operator=operator, now=NOW)

    assert read_targets() == {}


def test_a_removed_address_leaves_nothing(stand: Stand, operator: User) -> None:
    submit(stand)
    admit(stand, operator)

    upstreams.remove_upstream(node=stand.node, actor=ACTOR, now=NOW)

    assert (read_targets(), DirectUpstream.objects.count()) == ({}, 0)
    with pytest.raises(NotFound):
        upstreams.remove_upstream(node=stand.node, actor=ACTOR, now=NOW)


def test_a_retired_node_is_not_called(stand: Stand, operator: User) -> None:
    submit(stand)
    admit(stand, operator)

    nodes.retire_node(node=stand.node, actor=ACTOR, now=NOW)

    assert read_targets() == {}
    with pytest.raises(nodes.NodeRetired):
        submit(stand)


def test_the_database_itself_admits_no_changed_address(stand: Stand, operator: User) -> None:
    submit(stand)
    admit(stand, operator)

    with pytest.raises(IntegrityError, match="a new address has to be admitted"):
        DirectUpstream.objects.update(url="https://other.example/v1")
    with pytest.raises(IntegrityError, match="upstream_decided_by_somebody"):
        DirectUpstream.objects.update(decided_by=None)
    with pytest.raises(IntegrityError, match="upstream_is_https"):
        DirectUpstream.objects.update(
            url="http://other.example/v1", state="PENDING", decided_at=None, decided_by=None
        )


def test_keys_are_changed_by_a_command(
    stand: Stand, operator: User, monkeypatch: pytest.MonkeyPatch, db: Database
) -> None:
    old, new, other = settings.CREDENTIAL_KEYS[0], *(Fernet.generate_key().decode() for _ in range(2))
    submit(stand)
    admit(stand, operator)
    assert upstreams.find_upstream(node=stand.node).key_id == name_key(old)

    monkeypatch.setattr(settings, "CREDENTIAL_KEYS", (new, old))
    said = io.StringIO()
    call_command("rotate_credentials", stdout=said)

    assert said.getvalue() == "1 credentials were encrypted anew, 0 are left.\n"
    row = upstreams.find_upstream(node=stand.node)
    assert (row.key_id, row.state) == (name_key(new), "ADMITTED")
    assert [target.credential for target in read_targets(new).values()] == [SECRET]
    assert read_targets(old) == {}
    call_command("rotate_credentials", stdout=said)
    assert said.getvalue().endswith("0 credentials were encrypted anew, 0 are left.\n")

    monkeypatch.setattr(settings, "CREDENTIAL_KEYS", (other,))
    with pytest.raises(CommandError, match=str(row.uid)) as refused:
        call_command("rotate_credentials", stdout=said)
    assert not {new, old, other, SECRET} & set(str(refused.value).split())
    assert read_targets(new) != {}


def test_no_credential_is_shown_by_rest_or_kept_in_plain(
    farm: Organization, stand: Stand, operator: User, caplog: pytest.LogCaptureFixture, db: Database
) -> None:
    caplog.set_level(logging.DEBUG)
    client = sign_in(make_user(farm, Role.OWNER, "owner"))
    path = f"/api/nodes/{stand.node.uid}/upstream"
    body = {"url": URL, "credential": SECRET, "slots": 4}

    assert client.get(path).status_code == 404
    put = client.put(path, body, format="json")
    wrong = client.put(path, body | {"credential": SECRET + " x"}, format="json")
    got = client.get(path)
    pages = sign_in_operator(operator)
    row = upstreams.find_upstream(node=stand.node)
    shown = [
        pages.get("/admin/workers/directupstream/").content.decode(),
        pages.get(f"/admin/workers/directupstream/{row.pk}/change/").content.decode(),
    ]

    assert (put.status_code, put.json()["state"]) == (200, "PENDING")
    assert set(put.json()) == {"url", "slots", "state", "submitted_at", "decided_at", "credential_set_at"}
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_credential")
    assert got.json() == put.json()
    assert all(URL in page for page in shown)
    with psycopg.connect(db.dsn) as database:
        tables = ["direct_upstream", "accounts_auditevent", "accounts_apireplay"]
        for table in tables:
            if database.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,):
                rows = database.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
                shown.append(json.dumps(rows))
    shown += [put.content.decode(), wrong.content.decode(), got.content.decode(), caplog.text, str(row)]
    sealed = bytes(row.credential).decode()
    assert [text for text in shown if SECRET in text or SECRET.encode().hex() in text] == []
    # Not even sealed outside its own row.
    assert [text for text in shown[:2] + shown[4:] if sealed in text] == []


def test_an_operator_decides_in_the_admin(stand: Stand, operator: User) -> None:
    row = submit(stand)
    pages = sign_in_operator(operator)

    def act(action: str) -> str:
        answer = pages.post(
            "/admin/workers/directupstream/", {"action": action, "_selected_action": [row.pk]}, follow=True
        )
        row.refresh_from_db()
        return answer.content.decode()

    act("admit")
    assert (row.state, row.decided_by_id) == ("ADMITTED", operator.pk)
    assert "This was decided before." in act("admit")
    act("refuse")
    assert (row.state, row.decided_by_id) == ("REFUSED", operator.pk)
    actions = AuditEvent.objects.filter(action__startswith="upstream.").order_by("id")
    assert [event.action for event in actions] == ["upstream.submit", "upstream.admit", "upstream.refuse"]


def test_operators_decide_by_rest_under_their_name(stand: Stand, operator: User) -> None:
    upstream, client = submit(stand), use_second_factor(operator)
    path = f"/api/operator/upstreams/{upstream.uid}"

    waiting = client.get("/api/operator/upstreams?state=PENDING")
    admitted = client.post(f"{path}/admit").json()
    again = client.post(f"{path}/admit")
    refused = client.post(f"{path}/refuse").json()

    (listed,) = waiting.json()["results"]
    assert (listed["url"], listed["node"], listed["decided_by"]) == (URL, str(stand.node.uid), None)
    assert SECRET.encode() not in waiting.content
    assert (admitted["state"], admitted["decided_by"]) == ("ADMITTED", operator.email)
    assert (again.status_code, again.json()["code"]) == (409, "upstream_decided")
    assert refused["state"] == "REFUSED"
    submit(stand, url="https://inside.example/v1")
    assert client.post(f"{path}/admit").json()["code"] == "address_refused"
    submit(stand, url="https://nowhere.example/v1")
    assert client.post(f"{path}/admit").status_code == 502
