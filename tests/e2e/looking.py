"""What axe-core finds wrong with an operator's page, in light and in dark."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Nothing but colours depends on the scheme.
ROOT = "document.documentElement.classList"
"""The frame reads the scheme when it is loaded, and shows dark by a class."""
DARK = {"runOnly": ["color-contrast"]}


def look(page: Page) -> list[str]:
    """Every rule in light, contrast in dark; answers what is broken, by rule and place."""
    found = [("light", broken) for broken in Axe().run(page).response["violations"]]
    page.evaluate(f"{ROOT}.add('dark')")
    found += [("dark", broken) for broken in Axe().run(page, options=DARK).response["violations"]]
    page.evaluate(f"{ROOT}.remove('dark')")
    return [
        f"{page.url} {scheme}: {broken['id']} {node['html']}"
        for scheme, broken in found
        for node in broken["nodes"]
    ]
