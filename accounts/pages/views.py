"""Pages of people: their console's door, preferences, organizations."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_POST
from django.views.generic import FormView, UpdateView

from accounts import organizations
from accounts.models import User
from accounts.pages import surroundings
from accounts.pages.base import CURRENT, SignedIn
from accounts.pages.forms import OrganizationForm, PreferencesForm

LANGUAGE_COOKIE_SECONDS = 365 * 24 * 3600


class Console(SignedIn):
    """The door of the console: leads to the organization that was seen last."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead on."""
        mine = surroundings.list_organizations(request)
        if not mine:
            # Who runs the exchange needs no organization.
            return redirect("operator" if self.person.is_staff else "organization-new")
        last = request.session.get(CURRENT)
        return redirect(
            "dashboard", next((str(one.uid) for one in mine if str(one.uid) == last), mine[0].uid)
        )


class OrganizationFounding(SignedIn, FormView):  # type: ignore[type-arg]
    """A form that founds an organization."""

    template_name = "accounts/organization_new.html"
    form_class = OrganizationForm

    def form_valid(self, form: OrganizationForm) -> HttpResponse:
        """Found it; who does so owns it."""
        made = organizations.create_organization(
            name=form.cleaned_data["organization"],
            country=form.cleaned_data["country"],
            owner=self.person,
            now=timezone.now(),
        )
        messages.success(self.request, _("The organization is founded."))
        return redirect("dashboard", made.uid)


class PreferencesPage(SignedIn, UpdateView):  # type: ignore[type-arg]
    """Name, language and time zone."""

    template_name = "accounts/preferences.html"
    form_class = PreferencesForm

    def get_object(self, queryset: Any = None) -> User:
        """Oneself."""
        return self.person

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep them, and say so in the language that was chosen."""
        form.save()
        with override(form.instance.language or None):
            messages.success(self.request, _("Your preferences are kept."))
        answer = redirect("preferences")
        # The language of the cookie would otherwise still hold for what is left to the browser.
        answer.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        return answer


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """The language switch: for this browser, and for the person who is signed in."""
    language, goal = request.POST.get("language", ""), request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(goal, {request.get_host()}, request.is_secure()):
        goal = "/"
    answer = HttpResponseRedirect(goal)
    if language not in dict(settings.LANGUAGES):
        return answer
    if isinstance(request.user, User):
        User.objects.filter(pk=request.user.pk).update(language=language)
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=LANGUAGE_COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return answer
