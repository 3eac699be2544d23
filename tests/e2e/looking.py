"""What axe-core finds wrong with an operator's page, in light and in dark."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Nothing but colours depends on the scheme.
DARK: dict[str, Any] = {"runOnly": ["color-contrast"]}
ROOT = "document.documentElement.classList"
"""The frame reads the scheme when it is loaded, and shows dark by a class."""


def look(page: Page, *, dark: bool = True) -> None:
    """Every rule in light, contrast in dark; nothing is waived, of the frame's own parts neither."""
    found = [("light", broken) for broken in Axe().run(page).response["violations"]]
    if dark:
        page.evaluate(f"{ROOT}.add('dark')")
        found += [("dark", broken) for broken in Axe().run(page, options=DARK).response["violations"]]
        page.evaluate(f"{ROOT}.remove('dark')")
    told = [
        f"{page.url} {scheme}: {broken['id']} {node['html']}"
        for scheme, broken in found
        for node in broken["nodes"]
    ]
    assert not told, "\n".join(told)
