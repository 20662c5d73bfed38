"""Every test that takes `serve`, or uses `carrier`, runs over each carrier."""

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


@pytest.fixture(params=sorted(CARRIERS))
def carrier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What serves, for tests that start servers in their own ways, also in processes of their own."""
    if request.param == ENGINE and find_spec("hospes.engine._core") is None:
        pytest.skip("platform: the engine is not built here")
    monkeypatch.setenv("HOSPES_CARRIER", request.param)
