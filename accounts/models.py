"""Tables of people, organizations, keys, tokens and the audit trail."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Length, Now
from django.db.models.lookups import Exact

from core import idempotency, ids

DIGEST_BYTES = 32
ED25519_KEY_BYTES = 32


class UserManager(BaseUserManager["User"]):
    """Makes users; addresses differ from each other in more than case."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> "User":
        """
        Store a person who signs in with `email`; without a password nobody can.

        :raises ValueError: if the address is empty
        """
        if not email:
            raise ValueError("A user needs an e-mail address")
        user = self.model(email=email.strip().lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> "User":
        """Store an operator with every permission."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by address, however it is capitalized."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person; signs in with an e-mail address."""

    uid = models.UUIDField(unique=True, default=ids.make_uid, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True, default="")
    is_active = models.BooleanField(default=True, db_default=True)
    is_staff = models.BooleanField(default=False, db_default=False)
    language = models.CharField(max_length=10, blank=True, default="", db_default="")
    """Code of the language of pages and mail; empty: what the browser asks for."""
    time_zone = models.CharField(max_length=64, blank=True, default="", db_default="")
    """IANA name of the zone in which pages show moments; empty: UTC."""
    session_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    """Raised to end every session; those begun under another number are no longer valid."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="accounts_user_email_is_lower_case",
                condition=Exact(models.functions.Lower("email"), models.F("email")),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.email}"

    def clean(self) -> None:
        """Store the address in lower case, also when a form brought it."""
        super().clean()
        self.email = self.email.strip().lower()

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Kept in each session and compared at every request. At epoch 0 it is what Django makes it.
        plain: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]
        return f"{plain}-{self.session_epoch}" if self.session_epoch else plain


class Organization(models.Model):
    """The party that buys, provides or both; owns keys, wallets and sites."""

    uid = models.UUIDField(unique=True, default=ids.make_uid, editable=False)
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2)
    """ISO 3166-1 alpha-2, upper case."""
    key_requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    """What each of its keys may have; the platform's figure when empty, and likewise below."""
    key_tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    concurrent_requests = models.PositiveIntegerField(null=True, blank=True)
    """Of all its keys together."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        User, through="Membership", related_name="organizations"
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="accounts_organization_country_is_alpha2",
                condition=models.Q(country__regex=r"^[A-Z]{2}$"),
            ),
            models.CheckConstraint(name="accounts_organization_has_a_name", condition=~models.Q(name="")),
            models.CheckConstraint(
                name="accounts_organization_rates_leave_room",
                # Unknown counts as true here, and so does an empty limit.
                condition=models.Q(
                    key_requests_per_minute__gt=0, key_tokens_per_minute__gt=0, concurrent_requests__gt=0
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"


class Role(models.TextChoices):
    """What a member may do; the table is in `accounts.access`."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    FINANCE = "FINANCE"
    MEMBER = "MEMBER"


class Project(models.Model):
    """A named group of keys and members, so that what they spend can be limited together."""

    uid = models.UUIDField(unique=True, default=ids.make_uid, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="accounts_project_name_once",
                fields=["organization", "name"],
                condition=models.Q(archived_at=None),
            ),
            # Whatever names a project names its organization with it (accounts/sql/projects.sql).
            models.UniqueConstraint(name="accounts_project_of_organization", fields=["id", "organization"]),
            models.CheckConstraint(name="accounts_project_has_a_name", condition=~models.Q(name="")),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"


class Membership(models.Model):
    """One person in one organization, in one role."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, blank=True, related_name="memberships"
    )
    """Where the keys this person makes spend, unless a key is in a project of its own."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="accounts_membership_once", fields=["organization", "user"]),
            models.CheckConstraint(
                name="accounts_membership_role_is_known", condition=models.Q(role__in=Role.values)
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.role}"


class Invitation(models.Model):
    """A wish that whoever reads mail at an address becomes a member; open until it is accepted or ends."""

    uid = models.UUIDField(unique=True, default=ids.make_uid, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=Role)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, related_name="+")
    digest = models.BinaryField(max_length=DIGEST_BYTES, unique=True)
    """SHA-256 of what the link holds."""
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="accounts_invitation_open_once",
                fields=["organization", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
            ),
            models.CheckConstraint(
                name="accounts_invitation_role_is_known", condition=models.Q(role__in=Role.values)
            ),
            models.CheckConstraint(
                name="accounts_invitation_digest_is_sha256",
                condition=Exact(Length("digest"), DIGEST_BYTES),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.role}"


class KeyMode(models.TextChoices):
    """Whether a key spends money or only tries things."""

    LIVE = "LIVE"
    TEST = "TEST"


class ApiKey(models.Model):
    """A buyer's key. The key itself is shown once and never stored, only its digest."""

    uid = models.UUIDField(unique=True, default=ids.make_uid, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=200)
    mode = models.CharField(max_length=4, choices=KeyMode)
    digest = models.BinaryField(max_length=DIGEST_BYTES, unique=True)
    """SHA-256 of the whole key."""
    last4 = models.CharField(max_length=4)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    """Nobody when a command issued it."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    """The key ends at this moment; it is no longer valid then."""
    revoked_at = models.DateTimeField(null=True, blank=True)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, blank=True, related_name="api_keys"
    )
    """Where it spends; none: where its maker's keys do."""
    spend_scope_id = models.BigIntegerField(null=True, blank=True)
    """Read and written by the previous version only; limits know the key they are for."""
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    """Lowers what the organization's keys may have; empty: all of it. Likewise the two below."""
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    concurrent_requests = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="accounts_apikey_rates_leave_room",
                # Unknown counts as true here, and so does an empty limit.
                condition=models.Q(
                    requests_per_minute__gt=0, tokens_per_minute__gt=0, concurrent_requests__gt=0
                ),
            ),
            models.CheckConstraint(
                name="accounts_apikey_digest_is_sha256",
                condition=Exact(Length("digest"), DIGEST_BYTES),
            ),
            models.CheckConstraint(
                name="accounts_apikey_mode_is_known", condition=models.Q(mode__in=KeyMode.values)
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name} …{self.last4}"


class AgentToken(models.Model):
    """What an agent signs in with. Its public key is pinned by the first agent that uses it."""

    uid = models.UUIDField(unique=True, default=ids.make_uid, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="agent_tokens")
    name = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=DIGEST_BYTES, unique=True)
    """SHA-256 of the whole token."""
    last4 = models.CharField(max_length=4)
    public_key = models.BinaryField(max_length=ED25519_KEY_BYTES, null=True, blank=True)
    """Raw Ed25519 key."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="accounts_agenttoken_digest_is_sha256",
                condition=Exact(Length("digest"), DIGEST_BYTES),
            ),
            models.CheckConstraint(
                name="accounts_agenttoken_public_key_is_ed25519",
                condition=models.Q(public_key=None)
                | models.Q(Exact(Length("public_key"), ED25519_KEY_BYTES)),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name} …{self.last4}"


class ActorKind(models.TextChoices):
    """Who did something."""

    USER = "USER"
    KEY = "KEY"
    AGENT = "AGENT"
    SYSTEM = "SYSTEM"


class AuditEvent(models.Model):
    """Who did what to what, and when. Rows are added and never changed: the database refuses it."""

    uid = models.UUIDField(unique=True, default=ids.make_uid, editable=False)
    happened_at = models.DateTimeField()
    actor_kind = models.CharField(max_length=6, choices=ActorKind)
    actor_uid = models.UUIDField(null=True, blank=True)
    """Nobody in particular when the platform itself acted."""
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, null=True, related_name="+")
    """Whose affair it is; none for what concerns the platform alone."""
    action = models.CharField(max_length=100)
    """Noun and verb, as in `key.revoke`."""
    subject_kind = models.CharField(max_length=50)
    subject_uid = models.UUIDField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    details = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="accounts_auditevent_actor_kind_is_known",
                condition=models.Q(actor_kind__in=ActorKind.values),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="accounts_auditevent_by_org", fields=["organization", "-id"]),
            models.Index(name="accounts_auditevent_by_subject", fields=["subject_uid", "-id"]),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.action}"


class ApiReplay(models.Model):
    """
    The first answer to a POST with an Idempotency-Key, for its repeats. It holds no secret.

    It belongs to the organization that was acted for; to a person for what a person does for none yet.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    key = models.CharField(max_length=idempotency.CLAIM_LENGTH_MAX)
    operation = models.CharField(max_length=255)
    """Method and path."""
    body_hash = models.BinaryField(max_length=DIGEST_BYTES)
    """SHA-256 of the request's body."""
    status = models.PositiveSmallIntegerField(null=True)
    """Null only within the transaction that makes the answer."""
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="accounts_apireplay_once", fields=["organization", "key"]),
            models.UniqueConstraint(name="accounts_apireplay_once_a_person", fields=["user", "key"]),
            models.CheckConstraint(
                name="accounts_apireplay_has_one_holder",
                condition=models.Q(organization=None, user__isnull=False)
                | models.Q(organization__isnull=False, user=None),
            ),
            models.CheckConstraint(
                name="accounts_apireplay_body_hash_is_sha256",
                condition=Exact(Length("body_hash"), DIGEST_BYTES),
            ),
        ]
        indexes: ClassVar = [models.Index(name="accounts_apireplay_by_age", fields=["created_at"])]

    def __str__(self) -> str:
        return f"#{self.pk} {self.operation}"
