"""Operations of checks, hits and freezes."""

from accounts.access import Permission
from tests.api.bodies import NOBODY
from tests.api.route import listed, made, named, operated

COMPLIANCE = (
    listed("compliance", "/api/compliance", Permission.VIEW_MONEY),
    made(
        "compliance",
        "/api/compliance",
        Permission.MANAGE_MONEY,
        lambda _: {"kind": "IDENTITY", "evidence": ["Register extract 7"]},
        status=200,
    ),
    listed("papers", "/api/compliance/documents", Permission.MANAGE_MONEY),
    made(
        "papers",
        "/api/compliance/documents?name=a.png",
        Permission.MANAGE_MONEY,
        lambda _: {"no": "picture"},
        status=422,
    ),
    named(
        "GET",
        "paper",
        lambda _: f"/api/compliance/documents/{NOBODY}",
        Permission.MANAGE_MONEY,
        status=404,
    ),
    operated(
        "GET",
        "operator-paper",
        lambda _: f"/api/operator/checks/documents/{NOBODY}",
        "billing.view_compliancedocument",
        status=404,
    ),
    operated(
        "GET",
        "operator-tax-number",
        lambda _: f"/api/operator/checks/tax-numbers/{NOBODY}",
        "billing.view_taxnumber",
        status=404,
    ),
    operated("GET", "checks", lambda _: "/api/operator/checks", "billing.view_compliancestep"),
    operated(
        "POST",
        "check-decision",
        lambda _: f"/api/operator/checks/{NOBODY}/decide",
        "billing.add_compliancestep",
        lambda _: {"kind": "IDENTITY", "state": "VERIFIED"},
        404,
    ),
    operated("GET", "screenings", lambda _: "/api/operator/screenings", "billing.view_screening"),
    operated(
        "POST",
        "screening-decision",
        lambda _: f"/api/operator/screenings/{NOBODY}/decide",
        "billing.add_screening",
        lambda _: {"dismiss": True, "reason": "Another party."},
        404,
    ),
    operated("GET", "freezes", lambda _: "/api/operator/freezes", "billing.view_freeze"),
    operated(
        "POST",
        "freezes",
        lambda _: "/api/operator/freezes",
        "billing.add_freeze",
        lambda _: {"account": "nobody's", "reason": "A court says so."},
        404,
    ),
    operated(
        "POST",
        "freeze-preparation",
        lambda _: f"/api/operator/freezes/{NOBODY}/prepare-release",
        "billing.change_freeze",
        lambda _: {"to": "OWNER"},
        404,
    ),
    operated(
        "POST",
        "freeze-release",
        lambda _: f"/api/operator/freezes/{NOBODY}/release",
        "billing.change_freeze",
        lambda _: {"to": "OWNER"},
        404,
    ),
)
