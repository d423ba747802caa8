import pytest


@pytest.fixture(scope="session")
def discipline():
    return "radionuclide_therapy"
