"""Every test that takes `serve` runs over each carrier."""

from __future__ import annotations

import pytest
from tests.server.support import CARRIERS, Serve


@pytest.fixture(params=sorted(CARRIERS))
def serve(request: pytest.FixtureRequest) -> Serve:
    """The carrier under test."""
    return CARRIERS[request.param]
