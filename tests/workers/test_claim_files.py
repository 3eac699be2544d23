"""Files that the sides of a claim show."""

from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.audit import Actor
from accounts.models import Organization, Role
from core.files import read_file
from tests.api.conftest import Farm, estate, make_operator, make_user, now, sign_in, store, use_second_factor  # noqa: F401
from tests.cast import NOW
from tests.core.test_files import make_png
from tests.market import small, stand  # noqa: F401
from tests.workers.test_claims import answered, claim  # noqa: F401
from workers import claims
from workers.evidence import BOUNDS
from workers.models import AnswerClaim


def test_files_of_both_sides_are_downloaded_by_them_and_operators(
    answered: Farm,  # noqa: F811
    stranger: Organization,
) -> None:
    api, png = sign_in(answered.owner), make_png(b"shown")
    uid = claim(answered).uid
    mine, theirs = f"/api/claims/{uid}/files", f"/api/received-claims/{uid}/files"
    send: dict[str, Any] = {"data": png, "content_type": "text/html", "HTTP_IDEMPOTENCY_KEY": "once"}

    shown = api.post(f"{mine}?name=../shot.html", **send)
    again = api.post(f"{mine}?name=../shot.html", **send)
    back = api.post(f"{theirs}?name=log.txt", b"<script>", content_type="image/png")
    wrong = api.post(f"{mine}?name=a.png", b"MZ\x00\x01", content_type="image/png")
    nameless = api.post(mine, b"text", content_type="text/plain")
    file = shown.json()["uid"]
    console = f"/console/{answered.organization.uid}/claims/{uid}/files/{file}/"
    addresses = [f"{mine}/{file}", f"{theirs}/{file}", console]
    got = [api.get(address) for address in addresses]
    operator = use_second_factor(make_operator("workers.view_answerclaim"))
    got.append(operator.get(f"/api/operator/claims/{uid}/files/{file}"))
    got.append(operator.get(f"/admin/workers/answerclaim/decide/{AnswerClaim.objects.get().pk}/{file}/"))
    foreign = sign_in(make_user(stranger, Role.OWNER, "stranger"))

    assert (shown.status_code, shown.json()["kind"]) == (201, "image/png")
    assert again.content == shown.content
    assert (back.json()["side"], back.json()["kind"]) == ("PROVIDER", "text/plain")
    assert (wrong.status_code, wrong.json()["code"], nameless.status_code) == (422, "wrong_file", 400)
    listed = api.get(f"/api/claims/{uid}").json()["files"]
    assert [one["name"] for one in listed] == ["shot.html.png", "log.txt"]
    for answer in got:
        assert (answer.status_code, answer.content) == (200, png)
        assert answer["Content-Type"] == "image/png"
        assert answer["Content-Disposition"] == 'attachment; filename="shot.html.png"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert {foreign.get(address).status_code for address in addresses} == {404}


def test_a_session_shows_a_file_as_a_key_does(answered: Farm) -> None:  # noqa: F811
    api, token = sign_in(answered.owner), "t" * 32
    files = f"/api/claims/{claim(answered).uid}/files?name=a.png"
    api.handler.enforce_csrf_checks = True
    api.cookies[settings.CSRF_COOKIE_NAME] = token
    send: dict[str, Any] = {"data": make_png(b"a"), "content_type": "application/octet-stream"}

    shown = api.post(files, **send, headers={"X-CSRFToken": token})
    forged = api.post(files, **send)

    assert (shown.status_code, forged.status_code) == (201, 403)


def test_a_form_is_no_file(answered: Farm) -> None:  # noqa: F811
    api, token = sign_in(answered.owner), "t" * 32
    files = f"/api/claims/{claim(answered).uid}/files?name=a.txt"
    api.handler.enforce_csrf_checks = True
    api.cookies[settings.CSRF_COOKIE_NAME] = token

    answer = api.post(files, {"file": "text"}, headers={"X-CSRFToken": token})

    assert (answer.status_code, "not a form" in answer.content.decode()) == (400, True)


def test_each_side_shows_few_files_while_the_claim_waits(answered: Farm) -> None:  # noqa: F811
    opened, owner = claim(answered), Actor.from_user(answered.owner)
    files = [read_file(name=f"{n}.txt", content=f"{n}".encode(), bounds=BOUNDS) for n in range(6)]
    give: dict[str, Any] = {"claim": opened, "side": claims.Side.BUYER, "actor": owner, "now": NOW}

    claims.add_files(files=files[:5], **give)
    with pytest.raises(claims.TooManyFiles):
        claims.add_files(files=files[5:], **give)
    assert len(claims.add_files(files=files[:1], **give)) == 1
    claims.withdraw_claim(claim=opened, actor=owner, now=NOW)
    with pytest.raises(claims.ClaimClosed):
        claims.add_files(files=files[5:], **give | {"side": claims.Side.PROVIDER})
    assert opened.files.count() == 5


def test_files_come_with_a_claim_and_after_it_on_its_pages(answered: Farm) -> None:  # noqa: F811
    client = Client(SERVER_NAME="localhost")
    client.force_login(answered.owner)
    console = f"/console/{answered.organization.uid}/"
    page = f"{console}charges/{answered.job.uid}/claim/"
    words = {"reason": "WRONG", "text": "It named another capital."}

    refused = client.post(page, words | {"attached": [SimpleUploadedFile("x.png", b"MZ\x00")]})
    done = client.post(page, words | {"attached": [SimpleUploadedFile("x.json", b"[1]")]}, follow=True)
    opened = AnswerClaim.objects.get()
    more = f"{console}claims/{opened.uid}/files/"
    nothing = client.post(more)
    added = client.post(more, {"attached": [SimpleUploadedFile("y.txt", b"y")]}, follow=True)

    assert (refused.status_code, nothing.status_code) == (422, 422)
    assert b"x.png is none of these kinds (text, JSON, PNG, JPEG, PDF)" in refused.content
    assert b"x.json" in done.content
    assert b"y.txt" in added.content
    assert [one.kind for one in opened.files.all()] == ["application/json", "text/plain"]
