"""An engine and the sources beside it: what is said, and what serves, after `git pull` without `make install`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.golden import check_golden

import hospes

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from hospes.engine import _core
from hospes.engine.sources import are_others, fingerprint, sources

PROGRAM = """
import asyncio, logging
from hospes import SetupError
from hospes.server import Server, ServerOptions, carrier_name

async def main():
    server = Server(lambda request: None, ServerOptions(port=0))
    await server.start()
    await server.stop()

logging.basicConfig(format="%(levelname)s %(message)s")
try:
    asyncio.run(main())
    print(carrier_name())
except SetupError as error:
    print(error)
"""

CHANGES: dict[str, Callable[[Path], object]] = {
    "as it was built": lambda folder: None,
    "installed": lambda folder: [os.unlink(path) for path in sources(str(folder))],  # type: ignore[func-returns-value]
    "touched": lambda folder: os.utime(folder / "conduit.pxi"),
    "changed": lambda folder: (folder / "conduit.pxi").write_text((folder / "conduit.pxi").read_text() + "# more\n"),
    "one is new": lambda folder: (folder / "new.pxi").write_text(""),
    "one is gone": lambda folder: (folder / "shelf.pxi").unlink(),
    "one has another name": lambda folder: (folder / "shelf.pxi").rename(folder / "rack.pxi"),
}
SAME = {"as it was built", "installed", "touched"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, with its engine."""
    folder = tmp_path_factory.mktemp("checkout") / "hospes"
    shutil.copytree(Path(hospes.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def engine(checkout: Path, tmp_path: Path) -> Iterator[Path]:
    """The engine's folder in it, as it was built, whatever becomes of it."""
    kept = tmp_path / "kept"
    shutil.copytree(checkout / "engine", kept)
    yield checkout / "engine"
    shutil.rmtree(checkout / "engine")
    kept.rename(checkout / "engine")


def serve(engine: Path, wish: str = "") -> tuple[str, str]:
    """What a server of that checkout says and which carrier it has; and its log."""
    environment = {**os.environ, "PYTHONPATH": str(engine.parent.parent), "HOSPES_CARRIER": wish}
    shown = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(shown, env=environment, capture_output=True, text=True, timeout=50, check=True)
    return done.stdout, done.stderr


@pytest.mark.parametrize("how", CHANGES)
def test_an_engine_of_other_sources_does_not_serve(how: str, engine: Path) -> None:
    CHANGES[how](engine)
    told, log = serve(engine)
    assert told == ("engine\n" if how in SAME else "portable\n")
    if how in SAME:
        assert log == ""
    else:
        check_golden("server/outdated_engine_log", log)


def test_one_that_was_demanded_is_an_error(engine: Path) -> None:
    CHANGES["changed"](engine)
    told, log = serve(engine, "engine")
    check_golden("server/outdated_engine", told)
    assert log == ""
    assert serve(engine, "portable") == ("portable\n", "")


def test_one_that_cannot_be_loaded_is_an_other(engine: Path) -> None:
    """As where a class of ours has other slots than the ones that it was built for."""
    path = engine.parent / "http/request.py"
    text = path.read_text()
    path.write_text(text.replace("_query_string", "_query_text"))
    try:
        told, log = serve(engine)
    finally:
        path.write_text(text)
    assert told == "portable\n"
    check_golden("server/outdated_engine_log", log)


def test_an_older_engine_has_no_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = os.path.dirname(_core.__file__)
    assert fingerprint(folder) == _core.SOURCES
    assert are_others.__wrapped__() is False
    monkeypatch.delattr(_core, "SOURCES")
    assert are_others.__wrapped__() is True


def test_a_fingerprint(tmp_path: Path) -> None:
    assert fingerprint(str(tmp_path)) == ""
    (tmp_path / "b.pxi").write_bytes(b"b")
    (tmp_path / "a.h").write_bytes(b"a")
    (tmp_path / "a.py").write_bytes(b"none")
    assert sources(str(tmp_path)) == [str(tmp_path / "a.h"), str(tmp_path / "b.pxi")]
    first = fingerprint(str(tmp_path))
    (tmp_path / "a.py").write_bytes(b"none either")
    assert fingerprint(str(tmp_path)) == first
    (tmp_path / "a.h").write_bytes(b"")
    (tmp_path / "b.pxi").write_bytes(b"ab")
    assert fingerprint(str(tmp_path)) != first
