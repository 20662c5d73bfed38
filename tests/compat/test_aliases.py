"""The faces under their programs' names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from hospes.compat.aliases import FACES, install, real_name


@pytest.fixture
def _installed() -> Iterator[None]:
    before = list(sys.meta_path)
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in FACES}
    install()
    install()
    assert len(sys.meta_path) == len(before) + 1
    yield
    sys.meta_path[:] = before
    for name in [each for each in sys.modules if each.partition(".")[0] in FACES and each not in modules]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "real"),
    [
        ("alink", "hospes.compat.alink"),
        ("simple_http_server.models.model_bindings", "hospes.compat.simple_http_server.models.model_bindings"),
        ("simple_http_servers", ""),
        ("hospes.compat.alink", ""),
    ],
)
def test_names(name: str, real: str) -> None:
    assert real_name(name) == real


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    "name",
    [
        "simple_http_server",
        "simple_http_server.server",
        "simple_http_server.logger",
        "simple_http_server.app_conf",
        "simple_http_server.http_server",
        "simple_http_server.models.model_bindings",
        "simple_http_server_jinja",
        "simple_http_server_redis_session.http_session_redis_impl",
        "http_server",
        "http_server.url",
        "alink",
        "alink.httpserver",
        "alink.services",
    ],
)
def test_a_module_under_two_names(name: str) -> None:
    module = importlib.import_module(name)
    real = importlib.import_module(real_name(name))
    assert module is real
    assert isinstance(real, ModuleType)
    assert real.__spec__ is not None
    assert real.__spec__.name == real.__name__ == real_name(name)
    parent, _, child = name.rpartition(".")
    if parent:
        assert getattr(importlib.import_module(parent), child) is module


@pytest.mark.usefixtures("_installed")
def test_what_no_face_has() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"simple_http_server\.nothing"):
        importlib.import_module("simple_http_server.nothing")
    assert importlib.import_module("json") is sys.modules["json"]
