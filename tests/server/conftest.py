"""Every test that takes `serve` runs over each carrier."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from tests.server.support import CARRIERS, Serve

from hospes.server.carriers import ENGINE


@pytest.fixture(params=sorted(CARRIERS))
def serve(request: pytest.FixtureRequest) -> Serve:
    """The carrier under test."""
    if request.param == ENGINE and find_spec("hospes.engine._core") is None:
        pytest.skip("platform: the engine is not built here")
    return CARRIERS[request.param]
