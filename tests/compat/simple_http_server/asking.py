"""Applications of one AppConf, asked without sockets, in each mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.application import FaceApp, Ways
from hospes.testing import TestClient

BOTH = [False, True]
"""In threads, and on the loop."""


@contextmanager
def asked(conf: AppConf, on_loop: bool = False, **ways: Any) -> Iterator[TestClient]:
    """A client of what was declared."""
    with FaceApp(conf, Ways(on_loop=on_loop, **ways)).test() as client:
        yield client
