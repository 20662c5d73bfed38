"""Which codings there are, by what is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hospes.http import codings


@pytest.fixture(autouse=True)
def forgets() -> Iterator[None]:
    codings._name.cache_clear()
    yield
    codings._name.cache_clear()


def test_what_is_installed_here() -> None:
    assert [name for name in ("gzip", "deflate", "br", "zstd", "compress", "") if codings.is_available(name)] == [
        "gzip",
        "deflate",
        "br",
        "zstd",
    ]
    assert codings.library_of("br").__name__ == "brotli"
    assert hasattr(codings.library_of("zstd"), "ZstdCompressor")
    assert codings.library_of("gzip") is None


def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codings, "find_spec", lambda name: None)
    assert not codings.is_available("br")
    assert not codings.is_available("zstd")
    assert codings.is_available("gzip")
    assert codings.library_of("br") is None


def test_the_second_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codings, "find_spec", lambda name: None if name == "brotli" else name)
    monkeypatch.setattr(codings, "import_module", lambda name: name)
    assert codings.library_of("br") == "brotlicffi"


def test_every_library_has_its_extra() -> None:
    assert codings.EXTRAS.keys() == codings.LIBRARIES.keys()
