"""What organizations, members, agent tokens and the audit trail look like outside."""

from typing import Any

from rest_framework import serializers

from accounts.models import ActorKind, Role

NAME_LENGTH_MAX = 200


class OrganizationRequest(serializers.Serializer[Any]):
    """A new organization."""

    name = serializers.CharField(max_length=NAME_LENGTH_MAX)
    country = serializers.RegexField(r"^[A-Za-z]{2}$", help_text="ISO 3166-1 alpha-2")


class OrganizationChange(serializers.Serializer[Any]):
    """What of an organization may change."""

    name = serializers.CharField(max_length=NAME_LENGTH_MAX)


class OrganizationAnswer(serializers.Serializer[Any]):
    """An organization."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    country = serializers.CharField()
    created_at = serializers.DateTimeField()


class InvitationRequest(serializers.Serializer[Any]):
    """Somebody who is to belong to an organization."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices)
    project = serializers.UUIDField(
        allow_null=True, default=None, help_text="Where the keys of the person will spend."
    )


class InvitationAnswer(serializers.Serializer[Any]):
    """An invitation that can still be accepted."""

    uid = serializers.UUIDField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)
    project = serializers.UUIDField(source="project.uid", allow_null=True, default=None)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class RoleRequest(serializers.Serializer[Any]):
    """Another role."""

    role = serializers.ChoiceField(choices=Role.choices)


class MemberAnswer(serializers.Serializer[Any]):
    """Somebody who belongs to an organization."""

    uid = serializers.UUIDField(source="user.uid")
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.ChoiceField(choices=Role.choices)
    project = serializers.UUIDField(source="project.uid", allow_null=True, default=None)
    created_at = serializers.DateTimeField()


class AgentTokenRequest(serializers.Serializer[Any]):
    """The name of an agent token."""

    name = serializers.CharField(max_length=NAME_LENGTH_MAX)


class AgentTokenAnswer(serializers.Serializer[Any]):
    """An agent token without its text."""

    uid = serializers.UUIDField()
    name = serializers.CharField()
    last4 = serializers.CharField()
    public_key = serializers.SerializerMethodField(help_text="Ed25519, in hexadecimal; null until pinned.")
    created_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)

    def get_public_key(self, row: Any) -> str | None:
        """The pinned key."""
        return bytes(row.public_key).hex() if row.public_key else None


class NewAgentTokenAnswer(AgentTokenAnswer):
    """A new agent token: its text is shown this once."""

    secret = serializers.CharField(allow_null=True, help_text="Null in a repeat.", read_only=True)


class AuditEventAnswer(serializers.Serializer[Any]):
    """Who did what to what."""

    uid = serializers.UUIDField()
    happened_at = serializers.DateTimeField()
    action = serializers.CharField()
    actor_kind = serializers.ChoiceField(choices=ActorKind.choices)
    actor = serializers.UUIDField(source="actor_uid", allow_null=True, help_text="Null: the platform itself.")
    subject_kind = serializers.CharField()
    subject = serializers.UUIDField(source="subject_uid", allow_null=True)
    request_id = serializers.CharField()
    details = serializers.DictField()
