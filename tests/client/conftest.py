"""Every test that takes `make` runs over both clients."""

from __future__ import annotations

import pytest
from tests.client.support import FACES, Make


@pytest.fixture(params=sorted(FACES))
def make(request: pytest.FixtureRequest) -> Make:
    """The client under test."""
    return FACES[request.param]
