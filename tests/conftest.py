"""What every test may use: the shared data (skipped with a message where missing) and the switch for complete studies."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of the program
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run slow studies in their complete form")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    for item in items:
        if "full" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="complete form of a slow study: run with --full"))


def missing(what: str) -> None:
    """Skip with a message; on the integration machine, which has everything, a missing piece is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}: the integration machine must have it")
    pytest.skip(what)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and worked examples, beside the checkout."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        missing("real data not found: ../shared is missing")
    return folder
