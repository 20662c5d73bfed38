"""The seed's program, run once in each mode; a folder and a store of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.compat.simple_http_server.programs import MODES, SEED, Program, running

from hospes import HttpClient
from hospes.compat.simple_http_server.app_conf import AppConf, using


@pytest.fixture(scope="session", params=MODES)
def seed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program of the seed's snippets, in threads and on the loop."""
    with running(tmp_path_factory.mktemp("seed"), str(SEED), "0", request.param) as program:
        yield program


@pytest.fixture
def client() -> Iterator[HttpClient]:
    """A client that keeps cookies."""
    with HttpClient(cookies=True, timeout=20) as made:
        yield made


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory, and a store in memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOSPES_STORE", "memory:")
    return tmp_path


@pytest.fixture
def conf() -> Iterator[AppConf]:
    """An AppConf that the module's decorators write into."""
    with using(AppConf()) as made:
        yield made
