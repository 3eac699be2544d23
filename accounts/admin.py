"""Operators' view of people, organizations, keys and the audit trail. Tokens are never shown."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as PlainGroupAdmin
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils import timezone
from unfold.forms import (  # type: ignore[import-untyped]
    AdminPasswordChangeForm,
    UserChangeForm,
    UserCreationForm,
)

from accounts import agent_tokens, keys
from accounts.audit import Actor
from accounts.models import AgentToken, ApiKey, AuditEvent, Membership, Organization, Project, User
from core.admin import PlainAdmin, ReadOnlyAdmin, ReadOnlyInline
from core.errors import DomainError

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(PlainGroupAdmin, PlainAdmin):
    """Named sets of operators' permissions."""


@admin.register(User)
class UserAdmin(PlainUserAdmin, PlainAdmin):  # type: ignore[type-arg]
    """People; password forms are those of Django."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("-id",)
    list_display = ("email", "name", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name", "uid")
    readonly_fields = ("uid", "last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("uid", "email", "name", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "name", "password1", "password2")}),)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People are deactivated: the audit trail names them."""
        return False


class MembershipInline(ReadOnlyInline):
    """Who belongs to the organization; members are added by its owners."""

    model = Membership
    fields = ("user", "role", "created_at")
    readonly_fields = fields


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    """Parties that buy, provide or both."""

    ordering = ("-id",)
    list_display = ("name", "country", "uid", "created_at")
    list_filter = ("country",)
    search_fields = ("name", "uid")
    inlines = (MembershipInline,)


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    """Groups of keys and members."""

    ordering = ("-id",)
    list_display = ("name", "organization", "uid", "created_at", "archived_at")
    list_filter = (("archived_at", admin.EmptyFieldListFilter),)
    list_select_related = ("organization",)
    search_fields = ("name", "uid", "organization__name")


class RevocableAdmin(ReadOnlyAdmin):
    """Credentials: looked at, and revoked by an action; neither text nor digest is shown."""

    ordering = ("-id",)
    exclude: ClassVar[tuple[str, ...]] = ("digest",)
    search_fields = ("name", "last4", "uid", "organization__name")
    list_select_related = ("organization",)
    actions = ("revoke_selected",)

    def revoke(self, row: Any, *, actor: Actor) -> None:
        """Revoke one of them."""
        raise NotImplementedError

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Those who may change such rows may revoke them."""
        user: Any = request.user
        return bool(user.has_perm(f"accounts.change_{self.opts.model_name}"))

    @admin.action(description="Revoke at once, everywhere", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, rows: Any) -> None:
        """Revoke what was selected; what was revoked before is reported and skipped."""
        user: Any = request.user
        for row in rows.select_related("organization"):
            try:
                self.revoke(row, actor=Actor.from_user(user))
            except DomainError as refusal:
                self.message_user(request, f"{row}: {refusal.message}", level="warning")
            else:
                self.message_user(request, f"{row} is revoked.")


@admin.register(ApiKey)
class ApiKeyAdmin(RevocableAdmin):
    """Buyers' keys."""

    list_display = ("name", "organization", "mode", "last4", "created_at", "expires_at", "revoked_at")
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))

    def revoke(self, row: ApiKey, *, actor: Actor) -> None:
        """Revoke a key."""
        keys.revoke_key(key=row, actor=actor, now=timezone.now())


@admin.register(AgentToken)
class AgentTokenAdmin(RevocableAdmin):
    """Providers' agent tokens."""

    list_display = ("name", "organization", "last4", "pinned", "created_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    exclude = ("digest", "public_key")
    readonly_fields = ("pinned",)

    @admin.display(description="public key")
    def pinned(self, row: AgentToken) -> str:
        """The pinned public key in hexadecimal; it is no secret."""
        return bytes(row.public_key).hex() if row.public_key else "none yet"

    def revoke(self, row: AgentToken, *, actor: Actor) -> None:
        """Revoke a token."""
        agent_tokens.revoke_agent_token(agent_token=row, actor=actor, now=timezone.now())


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The audit trail."""

    ordering = ("-id",)
    list_display = ("happened_at", "action", "actor_kind", "actor_uid", "subject_kind", "subject_uid")
    list_filter = ("action", "actor_kind", "subject_kind")
    search_fields = ("actor_uid", "subject_uid", "request_id", "organization__name")
    list_select_related = ("organization",)
    show_full_result_count = False
