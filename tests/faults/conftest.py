from tests.e2e.conftest import machine, pytest_runtest_makereport

__all__ = ["machine", "pytest_runtest_makereport"]
