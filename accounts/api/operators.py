"""What views for operators of the exchange share."""

from typing import Any, ClassVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import operators
from accounts.api.base import RestView
from accounts.audit import Actor
from accounts.models import User
from core.errors import Forbidden


class SecondFactorNeeded(Forbidden):
    """An operator's session in which only a password was shown."""

    code = "second_factor_needed"
    message = "Show your second factor in this session first."


class OperatorsOnly(Forbidden):
    """Whoever asks does not run this exchange, or has no right to this part of it."""

    code = "operators_only"
    message = "This is for operators of the exchange with the right to it."


class IsOperator(BasePermission):
    """
    Lets in staff with the right that the view names for the method, and a second factor in their session.

    A view sets `rights = {"GET": "billing.view_chargequarantine"}`; a method it does not name is refused.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """
        Check the person, the right, then the second factor.

        :raises OperatorsOnly: for everybody else who is signed in
        :raises SecondFactorNeeded: for an operator who has not shown one
        """
        user: Any = request.user
        if not user.is_authenticated:
            return False
        right = view.rights.get(request.method)
        if right is None and hasattr(view, (request.method or "").lower()) and request.method != "OPTIONS":
            raise OperatorsOnly
        if not (isinstance(user, User) and user.is_staff and (right is None or user.has_perm(right))):
            raise OperatorsOnly
        if not operators.is_operator(request._request):
            raise SecondFactorNeeded
        return True


class OperatorView(RestView):
    """A view for operators; `rights` names the permission of each method."""

    permission_classes = (IsOperator,)
    rights: ClassVar[dict[str, str]] = {}

    def actor(self) -> Actor:
        """The operator."""
        user = self.request.user
        if not isinstance(user, User):
            raise OperatorsOnly
        return Actor.from_user(user)
