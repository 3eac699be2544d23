"""Operations of claims about answers."""

from accounts.access import Permission
from tests.api.bodies import NOBODY
from tests.api.route import MONEY, listed, made, named, operated

CLAIMS = (
    listed("claims", "/api/claims", MONEY),
    made(
        "claims",
        "/api/claims",
        Permission.MANAGE_MONEY,
        lambda _: {"job": NOBODY, "reason": "WRONG", "text": "It named another capital."},
        status=404,
    ),
    named("GET", "claim", lambda _: f"/api/claims/{NOBODY}", MONEY, status=404),
    named(
        "POST",
        "claim-withdrawal",
        lambda _: f"/api/claims/{NOBODY}/withdraw",
        Permission.MANAGE_MONEY,
        status=404,
    ),
    listed("received-claims", "/api/received-claims", MONEY),
    named(
        "POST",
        "claim-reply",
        lambda _: f"/api/received-claims/{NOBODY}/answer",
        Permission.MANAGE_MONEY,
        lambda _: {"answer": "The model is the one that was asked for."},
        404,
    ),
    named(
        "POST", "claim-files", lambda _: f"/api/claims/{NOBODY}/files", Permission.MANAGE_MONEY, status=404
    ),
    named("GET", "claim-file", lambda _: f"/api/claims/{NOBODY}/files/{NOBODY}", MONEY, status=404),
    named("GET", "received-claim", lambda _: f"/api/received-claims/{NOBODY}", MONEY, status=404),
    operated(
        "GET",
        "operator-claim",
        lambda _: f"/api/operator/claims/{NOBODY}",
        "workers.view_answerclaim",
        status=404,
    ),
    named(
        "POST",
        "received-claim-files",
        lambda _: f"/api/received-claims/{NOBODY}/files",
        Permission.MANAGE_MONEY,
        status=404,
    ),
    named(
        "GET",
        "received-claim-file",
        lambda _: f"/api/received-claims/{NOBODY}/files/{NOBODY}",
        MONEY,
        status=404,
    ),
    operated(
        "GET",
        "operator-claim-file",
        lambda _: f"/api/operator/claims/{NOBODY}/files/{NOBODY}",
        "workers.view_answerclaim",
        status=404,
    ),
    operated("GET", "operator-claims", lambda _: "/api/operator/claims", "workers.view_answerclaim"),
    operated(
        "POST",
        "claim-decision",
        lambda _: f"/api/operator/claims/{NOBODY}/decide",
        "workers.change_answerclaim",
        lambda _: {"credit": "0", "reason": "As promised."},
        404,
    ),
)
