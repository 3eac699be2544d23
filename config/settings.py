"""
Django's settings: one file, read from the environment (config/env.py), the same in every place.

Nothing here has a secret as its default. `make up` and `make demo` generate secrets once.
"""

import warnings
from typing import Any

from django.templatetags.static import static
from django.utils.csp import CSP
from psycopg.conninfo import conninfo_to_dict

from config import env, mail
from config.logs import logging_config
from core import credentials

env.refuse_unknown()

BASE_DIR = env.REPOSITORY
SECRET_KEY = env.secret("JOULEPORT_SECRET_KEY")
TICKET_SECRET = env.secret("JOULEPORT_TICKET_SECRET")
DEBUG = env.flag("JOULEPORT_DEBUG", default=False)
ALLOWED_HOSTS = env.names("JOULEPORT_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
WEB_ADDRESS = env.address("JOULEPORT_WEB_ADDRESS", "127.0.0.1:8000")
# Where agents connect: the relay as the world sees it, which need not be how gateways reach it.
AGENTS_URL = env.text("JOULEPORT_AGENTS_URL", env.text("JOULEPORT_RELAY_URL", "http://127.0.0.1:8100"))
BLOB_DIR = env.text("JOULEPORT_BLOB_DIR", str(env.home() / "blobs"))
BLOB_KEYS = [key.strip() for key in env.secret("JOULEPORT_BLOB_KEY").split(",")]
# The platform's share of metered heat, in ten-thousandths.
HEAT_FEE_BPS = env.number("JOULEPORT_HEAT_FEE_BPS", 0, most=10_000)
# Exchange of currencies: what is asked beyond the middle rate (ten-thousandths), how long a quote holds, how
# old a rate may be (over Easter there is none for five days), and whether the central bank itself is asked.
FX_SPREAD_BPS = env.number("JOULEPORT_FX_SPREAD_BPS", 50, most=5_000)
FX_QUOTE_SECONDS = env.number("JOULEPORT_FX_QUOTE_SECONDS", 120, most=86_400)
FX_RATE_HOURS = env.number("JOULEPORT_FX_RATE_HOURS", 124, most=87_600)
FX_ECB = env.flag("JOULEPORT_FX_ECB", default=False)
# What one operator credits alone for a claim about an answer; beyond, and in other currencies, it takes two.
CLAIM_CREDIT_ALONE = env.amounts("JOULEPORT_CLAIM_CREDIT_ALONE", "USD:100,EUR:100,CNY:700,USDC:100")
# Test money: with how many organizations a person, and all from one network, may begin within so many days.
FREE_STARTS_PERSON = env.number("JOULEPORT_FREE_STARTS_PERSON", 3, most=100_000)
FREE_STARTS_NETWORK = env.number("JOULEPORT_FREE_STARTS_NETWORK", 20, most=100_000)
FREE_STARTS_DAYS = env.number("JOULEPORT_FREE_STARTS_DAYS", 30, most=366)
CREDENTIAL_KEYS = credentials.read_keys(env.secret("JOULEPORT_CREDENTIAL_KEYS"))

INSTALLED_APPS = [
    "config.apps.Wiring",
    "unfold.apps.BasicAppConfig",
    "config.apps.OperatorsAdmin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "accounts",
    # Below our own, whose templates stand before theirs.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "billing",
    "marketplace",
    "workers",
]

MIDDLEWARE = [
    "config.logs.request_context",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "config.headers.PermissionsPolicy",
    "config.static_files.WholeFiles",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.preferences.Preferences",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.second_factors.FactorsGuard",
    "django_htmx.middleware.HtmxMiddleware",
    "config.csp.ForeignScripts",
]

# Papers of checks, of up to 5 MB, come as the body of a request.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_100_000
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.pages.surroundings.describe",
            ],
        },
    },
]

# --- PostgreSQL -----------------------------------------------------------------------------------


def _database(url: str, *, limits: dict[str, str]) -> dict[str, Any]:
    """One entry of DATABASES from a libpq URL or keyword string."""
    given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given.pop("dbname", "jouleport"),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": given.pop("port", ""),
        # Under ASGI a kept connection belongs to a thread that may never come back (it leaks).
        "CONN_MAX_AGE": 0,
        # Neither named cursors nor prepared statements survive a transaction-pooling proxy.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {**given, "prepare_threshold": None, "options": options},
    }


DATABASES = {
    "default": _database(
        env.secret("DATABASE_URL"),
        limits={
            "lock_timeout": "2s",
            "statement_timeout": "10s",
            "idle_in_transaction_session_timeout": "15s",
        },
    ),
    # Migrations only: `manage.py migrate --database owner`. A migration that waits for a lock stops everybody
    # queueing behind it, so it gives up early; its own statements may take long.
    "owner": _database(
        env.secret("DATABASE_OWNER_URL", env.secret("DATABASE_URL")),
        limits={"lock_timeout": "4s", "statement_timeout": "10min"},
    ),
}
DATABASE_APP_ROLE = DATABASES["default"]["USER"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis and Celery (the rest of Celery's settings: config/celery.py) ---------------------------

REDIS_URL = env.secret("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "web",
    }
}

# --- Feeds ----------------------------------------------------------------------------------------

# The keys of the sources of prices and carbon; without its key a source is not asked.
FEED_KEYS = {
    name: env.secret(name, "") for name in ("JOULEPORT_ENTSOE_TOKEN", "JOULEPORT_ELECTRICITY_MAPS_TOKEN")
}

# --- Chain ----------------------------------------------------------------------------------------

# The node that is asked about USDC, the number of its chain, the contract of USDC there, the multisig wallet
# that payouts are made from, and how many blocks a deposit lies below the newest one before it is credited.
# Signs audit packs that operators download; without it they are made by a command, with a key kept elsewhere.
AUDIT_KEY = env.secret("JOULEPORT_AUDIT_KEY", "")
CHAIN_URL = env.secret("JOULEPORT_CHAIN_URL", "")
CHAIN_ID = env.number("JOULEPORT_CHAIN_ID", 0, most=2**53)
CHAIN_TOKEN = env.text("JOULEPORT_CHAIN_TOKEN", "")
CHAIN_SAFE = env.text("JOULEPORT_CHAIN_SAFE", "")
CHAIN_CONFIRMATIONS = env.number("JOULEPORT_CHAIN_CONFIRMATIONS", 12, most=10_000)

# --- Stripe ---------------------------------------------------------------------------------------

# Without a key it is the stand-in that answers, at this address; without either nobody pays by card. Several
# secrets, divided by commas: of the endpoints for our own events and for those of connected accounts.
STRIPE_KEY = env.secret("JOULEPORT_STRIPE_KEY", "")
STRIPE_URL = env.text("JOULEPORT_STRIPE_URL", "")
STRIPE_WEBHOOK_SECRETS = [
    secret.strip()
    for secret in env.secret("JOULEPORT_STRIPE_WEBHOOK_SECRET", "").split(",")
    if secret.strip()
]

# --- Mail -----------------------------------------------------------------------------------------

MAIL_URL = env.secret("JOULEPORT_MAIL_URL", "console:")
MAILERS = {"default": mail.read_mailer(MAIL_URL)}
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("JOULEPORT_MAIL_FROM", "Jouleport <no-reply@localhost>")

# --- People ---------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
if env.flag("JOULEPORT_BREACH_CHECK", default=False):
    AUTH_PASSWORD_VALIDATORS.append({"NAME": "accounts.passwords.StolenPasswordValidator"})
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "console"
LOGOUT_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "home"

ACCOUNT_ADAPTER = "accounts.people.AccountAdapter"
ACCOUNT_FORMS = {"signup": "accounts.pages.forms.SignUpForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_DISPLAY = "accounts.people.find_display_name"
# A code that is typed where the sign-up began: no program that opens links in mail can confirm it.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
MFA_ADAPTER = "accounts.second_factors.SealingAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = False
# Clocks of telephones differ.
MFA_TOTP_TOLERANCE = 1

# --- Operators' pages ---------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Jouleport",
    "SITE_HEADER": "Jouleport",
    "SITE_SYMBOL": "bolt",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("core/mark.svg")}],
    "STYLES": [lambda _: static("core/operators.css")],
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": True,
        "navigation": "config.navigation.list_groups",
    },
}

# --- API ------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "COERCE_DECIMAL_TO_STRING": True,
    # Keys first: whoever is refused without a session is answered 401, not 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PAGINATION_CLASS": "core.pagination.NewestFirst",
    "EXCEPTION_HANDLER": "core.problem.handle_exception",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Jouleport",
    "DESCRIPTION": "An exchange for computing priced from energy.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # A PATCH names all that it changes; nothing of it may be left out.
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "accounts.api.schema.require_text",
        "accounts.api.schema.expect_nothing_there",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ClaimReason": "workers.models.AnswerClaim.Reason",
        "ClaimState": "workers.models.AnswerClaim.State",
        "ComplianceKind": "billing.models.ComplianceStep.Kind",
        "DepositState": "billing.models.ChainDeposit.State",
        "InvoiceKind": "billing.models.Invoice.Kind",
        "HeatDemandState": "marketplace.models.HeatDemand.State",
        "JobKind": "marketplace.models.Job.Kind",
        "JobState": "marketplace.models.Job.State",
        "LimitKind": "billing.api.limits.KINDS",
        "NodeState": "workers.models.Node.State",
        "OfferState": "marketplace.models.Offer.State",
        "OfferUnit": "marketplace.models.Offer.Unit",
        "PowerLotKind": "marketplace.models.PowerLot.Kind",
        "PowerLotState": "marketplace.models.PowerLot.State",
        "SeriesKind": "marketplace.models.Series.Kind",
        "SeriesUnit": "marketplace.models.Series.Unit",
        "TopUpMethod": "billing.models.TopUpMethod",
        "UpstreamState": "workers.models.DirectUpstream.State",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Time, language, files ------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "core" / "locale"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
# Before `collectstatic` there is no such folder, and the finders serve instead.
warnings.filterwarnings("ignore", message="No directory at")

# --- Browser security -----------------------------------------------------------------------------

SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
# A desk speaks plain HTTP to itself. Whoever is reachable from elsewhere speaks HTTPS, behind a proxy that
# sets X-Forwarded-Proto itself and drops what a client sent.
PUBLIC = not set(ALLOWED_HOSTS) <= {"127.0.0.1", "localhost", "[::1]"}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PUBLIC else None
SECURE_SSL_REDIRECT = PUBLIC
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PUBLIC else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PUBLIC
SECURE_HSTS_PRELOAD = PUBLIC
# A desk's browser takes http://localhost for safe; passkeys need that or HTTPS.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PUBLIC
# Limits of rate count the address that the proxy saw, not one a client claims.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if PUBLIC else 0
SESSION_COOKIE_SECURE = PUBLIC
CSRF_COOKIE_SECURE = PUBLIC
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "core.error_pages.show_csrf_failure"
X_FRAME_OPTIONS = "DENY"

# --- Logs -----------------------------------------------------------------------------------------

LOGGING_CONFIG = "config.logs.configure"
LOGGING = logging_config(
    style=env.choice("JOULEPORT_LOG_FORMAT", ("json", "console"), "json"),
    level=env.choice("JOULEPORT_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
)
