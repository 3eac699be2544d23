"""An invitation as whoever got it sees it, and its end for whoever sent it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from accounts import invitations
from accounts.access import Permission
from accounts.invitations import InvitationEnded, OtherAddress
from accounts.models import Role
from accounts.organizations import AlreadyMember
from accounts.pages.base import OrganizationPage, SignedIn
from accounts.pages.forms import ROLES
from accounts.projects import ProjectArchived
from core import error_pages


class InvitationPage(SignedIn, TemplateView):
    """Who invites to what; accepting it takes a click, and the address that was invited."""

    template_name = "accounts/invitation.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask."""
        try:
            found = invitations.find_invitation(token=kwargs["token"], user=self.person, now=timezone.now())
        except (InvitationEnded, OtherAddress) as refusal:
            return _show(refusal)
        return super().get(request, *args, **kwargs, invitation=found, role=ROLES[Role(found.role)])

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Accept."""
        try:
            made = invitations.accept_invitation(token=kwargs["token"], user=self.person, now=timezone.now())
        except (InvitationEnded, OtherAddress, ProjectArchived) as refusal:
            return _show(refusal)
        except AlreadyMember:
            messages.warning(request, _("You are a member already."))
            return redirect("console")
        name = made.organization.name
        messages.success(request, _("You are a member of %(organization)s now.") % {"organization": name})
        return redirect("dashboard", made.organization.uid)


class InvitationRevocation(OrganizationPage):
    """The end of an invitation."""

    needs_to_post = Permission.MANAGE_MEMBERS
    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Take it back."""
        invitations.revoke_invitation(
            organization=self.organization,
            uid=kwargs["invitation"],
            actor=self.actor,
            now=timezone.now(),
            granted=self.granted,
        )
        messages.success(request, _("The invitation is taken back."))
        return redirect("members-page", self.organization.uid)


def _show(refusal: InvitationEnded | OtherAddress | ProjectArchived) -> HttpResponse:
    if isinstance(refusal, OtherAddress):
        text = _("Sign in with the address that the invitation was sent to, and confirm that address.")
    else:
        text = _("This invitation is not valid any more. Ask for another one.")
    return error_pages.show_error(status=refusal.status, title=_("Invitation"), text=text)
