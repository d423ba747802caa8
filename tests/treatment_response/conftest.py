import pytest


@pytest.fixture(scope="session")
def discipline():
    return "treatment_response"
