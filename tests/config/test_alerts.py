"""Alerts and dashboard ask only for what is told, and every alert says what to do."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from config.env import REPOSITORY

ALERTS = REPOSITORY / "deploy/prometheus/alerts.yml"
DASHBOARD = REPOSITORY / "deploy/grafana/jouleport.json"
NAME = re.compile(r"\bjouleport_[a-z_]+")
SUFFIXES = ("_total", "_bucket", "_sum", "_count")
TELLERS = (
    "config/books.py",
    "config/observation.py",
    "gateway/metrics.py",
    "workers/dispatcher/process.py",
    "workers/relay/metrics.py",
)


def told() -> set[str]:
    """Every name that is written in the code, and those that books make of a stem."""
    text = "".join((REPOSITORY / path).read_text(encoding="utf-8") for path in TELLERS)
    stems = re.findall(r'\((?:QUEUED|QUARANTINED|UNNUMBERED|RECEIPTS|JOBS|STRIPE_[A-Z]+), "([a-z_]+)"', text)
    made = {f"jouleport_{stem}{end}" for stem in stems for end in ("", "_age_seconds")}
    return set(NAME.findall(text)) | made


def asked(expression: str) -> set[str]:
    """The names in an expression, as they are told."""
    return {
        next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)
        for name in NAME.findall(expression)
    }


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_alerts_ask_for_what_is_told() -> None:
    missing = {rule["alert"]: asked(rule["expr"]) - told() for rule in rules()}

    assert {alert: names for alert, names in missing.items() if names} == {}


def test_every_alert_says_what_to_do() -> None:
    for rule in rules():
        assert len(rule["annotations"]["action"]) > 20, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_the_dashboard_asks_for_what_is_told() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]

    assert len(expressions) > len(panels) > 8
    assert [names for names in (asked(text) - told() for text in expressions) if names] == []


def test_operators_are_told_every_alert() -> None:
    text = Path(REPOSITORY / "docs/how-to/operate.md").read_text(encoding="utf-8")

    assert "deploy/prometheus/alerts.yml" in text
    assert "deploy/grafana/jouleport.json" in text
