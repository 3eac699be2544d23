"""What every page of the operators' admin is made from (django-unfold)."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

if TYPE_CHECKING:
    # unfold ships no types; its classes are those of Django with another look.
    from django.contrib import admin

    class UnfoldAdmin(admin.ModelAdmin[Any]):
        """Looks like its parent to the type checker."""

    class UnfoldInline(admin.TabularInline[Any, Any]):
        """Looks like its parent to the type checker."""
else:
    from unfold.admin import ModelAdmin as UnfoldAdmin
    from unfold.admin import TabularInline as UnfoldInline


class PlainAdmin(UnfoldAdmin):
    """A table in the admin."""

    def get_action_choices(
        self, request: HttpRequest, default_choices: Any = None, action_location: Any = None
    ) -> Any:
        """Take the argument that Django passes since 6.1 and unfold does not know yet."""
        return super().get_action_choices(request, default_choices)


class ReadOnlyAdmin(PlainAdmin):
    """A table that is looked at and changed by nobody here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes rows here."""
        return False


class ReadOnlyInline(UnfoldInline):
    """Rows of another table below a page, looked at and changed by nobody here."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes rows here."""
        return False
