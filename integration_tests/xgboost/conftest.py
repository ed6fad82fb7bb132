"""Autologging on, for tests that want it; what XGBoost says to its users is not looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import autolog


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture
def recording() -> Iterator[None]:
    """Autologging is on."""
    autolog.xgboost.autolog()
    yield
    autolog.disable()
