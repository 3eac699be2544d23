"""A browser that complains: of every error in the console, every refused script, every failed page."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from accounts.models import Organization, Role
from config.demo.code import find_code
from tests.e2e import house as houses
from tests.e2e.house import PASSWORD, House

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
WAIT_MILLISECONDS = 15_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here are of one kind, and one process runs them: the house is large."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(300))


@dataclass(frozen=True, slots=True)
class Cast:
    """People of the Lab, one in each role, and two operators, one of them without a second factor."""

    lab: Organization

    @staticmethod
    def email(role: Role) -> str:
        """Where somebody in this role gets mail."""
        return f"{role.value.lower()}@lab.example"


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """The exchange, with everybody in it."""
    home = Path(tempfile.mkdtemp(prefix="jouleport-e2e-"))
    house = houses.open_house(home / "house")
    yield house
    house.close()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def cast(house: House) -> Cast:
    """The people."""
    with house.books():
        lab = houses.make_organization("Lab of Light")
        for role in Role:
            houses.make_person(Cast.email(role), organization=lab, role=role)
        houses.make_operator("ops@jouleport.example", secret=SECRET)
        houses.make_operator("bare@jouleport.example")
        for number in range(30):
            houses.fund(lab, f"{number + 1}.000000001")
        houses.fund(lab, "90000", currency="JPY")
    return Cast(lab)


@pytest.fixture(scope="session")
def chromium(cast: Cast) -> Iterator[Browser]:
    """Debian's Chromium. A person may lack it; CI may not."""
    path = shutil.which("chromium")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is missing; .ci/run installs it")
    if path is None:
        pytest.skip("chromium is missing (apt install chromium)")
    # Playwright waits in an event loop of its own; what tests ask the database for stands outside of it.
    with pytest.MonkeyPatch.context() as environ, sync_playwright() as playwright:
        environ.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Window:
    """A page of a browser with its own cookies, and what it complained of."""

    house: House
    context: BrowserContext
    page: Page
    complaints: list[str]

    def go(self, path: str) -> Page:
        """Open a page of the house."""
        self.page.goto(self.house.url + path)
        return self.page

    def sign_in(self, email: str, *, secret: str = "") -> Page:
        """Type address and password, and the one-time code where one is asked for."""
        page = self.go("/account/login/")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
        if secret:
            self.type_code(secret)
        # Operators without an organization come out at their own page.
        page.wait_for_url(re.compile("/(console|operator)/"))
        return page

    def go_confirmed(self, path: str) -> Page:
        """Open a page that asks for the password once more."""
        page = self.go(path)
        page.wait_for_url("**/reauthenticate/**")
        page.locator("#id_password").fill(PASSWORD)
        page.locator("form:has(#id_password) button[type=submit]").click()
        page.wait_for_url(f"**{path}")
        return page

    def type_code(self, secret: str) -> None:
        """Answer with the one-time code of this moment."""
        self.page.locator("#id_code").fill(find_code(secret, at=time.time()))
        self.page.locator("form:has(#id_code) button[type=submit]").first.click()

    def expect_complaint(self, part: str) -> None:
        """Forget a complaint that was provoked."""
        assert any(part in complaint for complaint in self.complaints), self.complaints
        self.complaints[:] = [complaint for complaint in self.complaints if part not in complaint]


type Open = Callable[..., Window]


@pytest.fixture
def open_window(house: House, chromium: Browser) -> Iterator[Open]:
    """Opens windows; afterwards none may have complained."""
    windows: list[Window] = []

    def open_one(**options: object) -> Window:
        context = chromium.new_context(**{"locale": "en-US", **options})  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MILLISECONDS)
        page = context.new_page()
        complaints: list[str] = []

        def hear(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                complaints.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        windows.append(Window(house, context, page, complaints))
        return windows[-1]

    yield open_one
    heard = [complaint for window in windows for complaint in window.complaints]
    for window in windows:
        window.context.close()
    assert heard == []


@pytest.fixture
def window(open_window: Open) -> Window:
    """A window in which nobody is signed in."""
    return open_window()
