"""Every test here that takes `serve` runs over each carrier; what is served lives as long as it is served."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

import pytest
from tests.adapters.support import opened
from tests.server.support import CARRIERS, Serve

from hospes.server import ServerOptions, ServingThread
from hospes.server.carriers import ENGINE


@contextmanager
def serving(carrier: str, handler: Any) -> Generator[int]:
    """Serve a hosted application with a carrier, in a thread."""
    thread = ServingThread(lambda: opened(handler), ServerOptions(port=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSPES_CARRIER", carrier)
        thread.start()
    try:
        yield thread.server.address[1]
    finally:
        thread.stop(drain=0.2)


@pytest.fixture(params=sorted(CARRIERS))
def serve(request: pytest.FixtureRequest) -> Serve:
    """The carrier under test."""
    if request.param == ENGINE and find_spec("hospes.engine._core") is None:
        pytest.skip("platform: the engine is not built here")
    made: Any = partial(serving, request.param)
    serve: Serve = made
    return serve
