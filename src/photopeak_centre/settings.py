"""Settings of the centre. Everything has a default that works on one computer; the environment changes what must differ.

PHOTOPEAK_HOME    folder of the database, the stored files and the secret key (default: .photopeak in the user's folder)
DATABASE_URL      postgres://user:password@host:port/name instead of the SQLite file
PHOTOPEAK_FOLDERS where watched folders may lie, separated by colons (default: inbox in the home)
PHOTOPEAK_HOSTS   names under which browsers reach the centre, separated by commas
PHOTOPEAK_ADDRESS https://qc.example.org: numbers of a half-year report's PDF link to the pages of their evidence
PHOTOPEAK_HTTPS   1 behind an HTTPS proxy: secure cookies, and the proxy's X-Forwarded-Proto is believed
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

PACKAGE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("PHOTOPEAK_HOME") or Path.home() / ".photopeak")
STORE = HOME / "store"
#: watched folders may lie below these
FOLDERS = [Path(place) for place in os.environ.get("PHOTOPEAK_FOLDERS", "").split(os.pathsep) if place] or [HOME / "inbox"]


def _secret_key() -> str:
    """The key that signs sessions, made at the first start and readable by its owner alone."""
    place = HOME / "secret_key"
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return place.read_text("ascii").strip() or secrets.token_urlsafe(50)
    with os.fdopen(handle, "w") as file:
        key = secrets.token_urlsafe(50)
        file.write(key)
    return key


def _database() -> dict[str, object]:
    url = os.environ.get("DATABASE_URL")
    if not url:
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;"
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "photopeak.sqlite3",
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas},
        }
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise SystemExit("DATABASE_URL must begin with postgres:// / DATABASE_URL 须以 postgres:// 开头")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


SECRET_KEY = _secret_key()
DEBUG = False
ALLOWED_HOSTS = [
    name for name in os.environ.get("PHOTOPEAK_HOSTS", f"localhost,127.0.0.1,[::1],{socket.gethostname()}").split(",") if name
]
DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "photopeak_centre",
    "photopeak_centre.audit",
    "photopeak_centre.hospitals",
    "photopeak_centre.accounts",
    "photopeak_centre.devices",
    "photopeak_centre.evidence",
    "photopeak_centre.jobs",
    "photopeak_centre.checks",
    "photopeak_centre.campaigns",
    "photopeak_centre.findings",
    "photopeak_centre.eqa_rounds",
    "photopeak_centre.indicators",
    "photopeak_centre.half_year",
    "photopeak_centre.committee",
    "photopeak_centre.courses",
]
MIDDLEWARE = [
    "photopeak_centre.headers.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "photopeak_centre.routes.EveryRouteIsDeclared",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "photopeak_centre.context.page",
            ],
            "builtins": ["photopeak_centre.templatetags.words"],
        },
    }
]
ROOT_URLCONF = "photopeak_centre.urls"
WSGI_APPLICATION = "photopeak_centre.wsgi.application"

AUTH_USER_MODEL = "accounts.Person"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
if os.environ.get("PHOTOPEAK_HTTPS") == "1":
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
USE_I18N = USE_TZ = True
TIME_ZONE = "Asia/Shanghai"  # shown; stored in UTC

ADDRESS = os.environ.get("PHOTOPEAK_ADDRESS", "")

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS: list[Path] = []
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 2**20  # one piece of an upload and its head
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
