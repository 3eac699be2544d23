"""Who belongs to an organization: invited, given another role, moved to a project, removed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import invitations, organizations, projects
from accounts.access import Permission
from accounts.invitations import MailUnsent, TooManyInvitations
from accounts.models import Membership, Project, Role
from accounts.organizations import AlreadyMember, LastOwner
from accounts.pages.base import OrganizationPage
from accounts.pages.forms import InvitationForm, PlacementForm, RoleForm
from accounts.projects import ProjectArchived
from core.errors import DomainError, Invalid


@dataclass(frozen=True, slots=True)
class Row:
    """A member as the page shows it, with what the reader may do about them; None for what they may not."""

    member: Membership
    is_reader: bool
    role_form: RoleForm | None
    placement_form: PlacementForm | None
    may_remove: bool


class MembersPage(OrganizationPage):
    """The members, whoever was invited, and a form to invite another one."""

    template_name = "accounts/members.html"
    needs_to_post = Permission.MANAGE_MEMBERS
    tab = "members"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Mail an invitation; the answer is one, whether the address has an account or not."""
        form = InvitationForm(request.POST, roles=_list_roles(self.granted))
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        try:
            made = invitations.invite(
                organization=self.organization,
                email=form.cleaned_data["email"],
                role=Role(form.cleaned_data["role"]),
                inviter=self.person,
                now=timezone.now(),
                write_link=lambda token: request.build_absolute_uri(reverse("invitation-page", args=[token])),
            )
        except AlreadyMember as refusal:
            return self._refuse(form, refusal, _("This person is a member already."))
        except TooManyInvitations as refusal:
            return self._refuse(form, refusal, _("Too many invitations were sent today. Try again tomorrow."))
        except MailUnsent as refusal:
            return self._refuse(form, refusal, _("The mail could not be sent. Try again later."))
        messages.success(request, _("An invitation is on its way to %(email)s.") % {"email": made.email})
        return redirect("members-page", self.organization.uid)

    def _refuse(self, form: InvitationForm, refusal: DomainError, text: str) -> HttpResponse:
        form.add_error("email", text)
        return self.render_to_response(self.get_context_data(form=form), status=refusal.status)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The members, by name."""
        rows = Membership.objects.select_related("user", "project").filter(organization=self.organization)
        places = list(
            projects.list_projects(organization=self.organization).filter(archived_at=None).order_by("name")
        )
        context: dict[str, Any] = {
            "rows": [self._describe(one, places) for one in rows.order_by("user__name", "user__email")],
            "has_projects": bool(places),
        }
        if Permission.MANAGE_MEMBERS in self.granted:
            found = invitations.list_open(organization=self.organization, now=timezone.now())
            context["invited"] = found.order_by("email")
            if "form" not in kwargs:
                context["form"] = InvitationForm(roles=_list_roles(self.granted))
        return super().get_context_data(**{**kwargs, **context})

    def _describe(self, member: Membership, places: list[Project]) -> Row:
        is_reader = member.user_id == self.person.pk
        may_appoint = organizations.permission_to_appoint(Role(member.role)) in self.granted
        role_form = placement_form = None
        ids = f"member-{member.pk}-%s"
        if may_appoint:
            role_form = RoleForm(roles=_list_roles(self.granted), initial={"role": member.role}, auto_id=ids)
        if places and Permission.MANAGE_MONEY in self.granted:
            where = {"project": member.project.uid if member.project else ""}
            placement_form = PlacementForm(places=places, initial=where, auto_id=ids)
        return Row(member, is_reader, role_form, placement_form, may_remove=may_appoint or is_reader)


class MemberDeed(OrganizationPage):
    """What is done to one member; a refusal is told on the page of all."""

    # What it takes depends on the member's role, and is asked where it is done.
    needs_to_post = Permission.VIEW
    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do it, and lead back."""
        member = organizations.find_member(organization=self.organization, uid=kwargs["member"])
        try:
            messages.success(request, self.act(member))
        except LastOwner:
            messages.warning(request, _("The last owner stays. Make somebody else an owner first."))
        except ProjectArchived:
            messages.warning(request, _("This project has ended."))
        except Invalid:
            messages.warning(request, _("Nothing was changed."))
        else:
            if not Membership.objects.filter(organization=self.organization, user=self.person).exists():
                return redirect("console")
        return redirect("members-page", self.organization.uid)

    def act(self, member: Membership) -> str:
        """Do it; gives what to tell."""
        raise NotImplementedError


class MemberRole(MemberDeed):
    """Another role."""

    def act(self, member: Membership) -> str:
        """Give it."""
        form = RoleForm(self.request.POST, roles=_list_roles(frozenset(Permission)))
        if not form.is_valid():
            raise Invalid
        organizations.change_role(
            membership=member,
            role=Role(form.cleaned_data["role"]),
            actor=self.actor,
            now=timezone.now(),
            granted=self.granted,
        )
        return _("%(name)s has another role now.") % {"name": member.user.name or member.user.email}


class MemberPlacement(MemberDeed):
    """Another project."""

    needs_to_post = Permission.MANAGE_MONEY

    def act(self, member: Membership) -> str:
        """Move there."""
        uid = self.request.POST.get("project")
        project = projects.find_project(organization=self.organization, uid=uid) if uid else None
        projects.move_member(membership=member, project=project, actor=self.actor, now=timezone.now())
        return _("The keys of %(name)s spend there from now on.") % {
            "name": member.user.name or member.user.email
        }


class MemberRemoval(MemberDeed):
    """The end of a membership."""

    def act(self, member: Membership) -> str:
        """Remove the member, or oneself."""
        organizations.remove_member(
            membership=member, actor=self.actor, now=timezone.now(), granted=self.granted
        )
        return _("%(name)s is no member of %(organization)s any more.") % {
            "name": member.user.name or member.user.email,
            "organization": self.organization.name,
        }


def _list_roles(granted: Iterable[Permission]) -> list[Role]:
    """The roles that somebody with these permissions may give."""
    return [role for role in Role if organizations.permission_to_appoint(role) in granted]
