"""Sessions as allauth leaves them, for tests that are not about signing in."""

from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest
from django.test import Client

from accounts.models import User


def sign_in_operator(user: User) -> Client:
    """A browser in which a member of the staff has signed in with a second factor."""
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    request = HttpRequest()
    request.session = browser.session
    request.user = user
    record_authentication(request, user, "mfa", type="totp")
    request.session.save()
    return browser
