"""The centre under test: a database of its own (SQLite, or PostgreSQL with DATABASE_URL), and the same small cast of people."""

import os
import tempfile
from pathlib import Path

_home = tempfile.TemporaryDirectory(prefix="photopeak-test-")
os.environ["PHOTOPEAK_HOME"] = _home.name
os.environ["DJANGO_SETTINGS_MODULE"] = "photopeak_centre.settings"

import django  # noqa: E402

django.setup()

import pytest  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test.utils import setup_databases, setup_test_environment, teardown_databases, teardown_test_environment  # noqa: E402


@pytest.fixture(scope="session")
def _databases():
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"photopeak_{worker}" if connection.vendor == "postgresql" else str(Path(_home.name) / "test.sqlite3")
    settings.DATABASES["default"]["TEST"] = connection.settings_dict["TEST"] = {
        **connection.settings_dict["TEST"],
        "NAME": name,
    }
    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    yield
    if connection.vendor == "postgresql":  # a killed process under test may have left its session open
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    teardown_databases(made, verbosity=0)
    teardown_test_environment()


@pytest.fixture
def database(_databases):
    """A database whose changes are undone after the test."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def committed(_databases):
    """A database that really commits, emptied after the test."""
    from django.core.management import call_command

    yield
    call_command("flush", verbosity=0, interactive=False)


@pytest.fixture
def port(committed):
    """The port of a receiver without TLS, on this test's database."""
    import socket

    from photopeak_centre.evidence import receive

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    server = receive.serve("127.0.0.1", number, "PHOTOPEAK", None, block=False)
    yield number
    server.shutdown()


@pytest.fixture
def home():
    return Path(settings.HOME)


@pytest.fixture(autouse=True, scope="session")
def settings_fast_passwords():
    """Passwords are hashed quickly in tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _limits_of_this_process_stand():
    """A test that limits its own process would starve every browser and worker begun after it."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    yield
    assert resource.getrlimit(resource.RLIMIT_AS) == before
