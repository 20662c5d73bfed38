"""Exemptions: exact where they open something, generous where they close something."""

from __future__ import annotations

import pytest
from tests.app.support import made

from hospes.errors import SetupError
from hospes.filters.exemption import at_least, exactly


def test_exactly() -> None:
    test = exactly(["/hooks/**", "/x"])
    assert [path for path in ("/hooks/a", "/hooks/a/b", "/x", "/hooks", "/%68ooks/a", "/x/", "/X") if test(made(path))] == [
        "/hooks/a",
        "/hooks/a/b",
        "/x",
        "/%68ooks/a",
    ]
    assert exactly("/x")(made("/x", "BREW"))
    assert not exactly("")(made("/"))
    assert not exactly([])(made("/"))


def test_at_least() -> None:
    test = at_least(["/hooks/**", "/x"])
    paths = ("/hooks", "/hooks/a", "//hooks/a", "/a/../hooks", "/a%2f..%2fhooks", "/x", "/x/../y", "/y")
    assert [path for path in paths if test(path)] == ["/hooks", "/hooks/a", "//hooks/a", "/a/../hooks", "/a%2f..%2fhooks", "/x"]
    assert not at_least("")("/")
    assert at_least("/x")("/x")


@pytest.mark.parametrize("make", [exactly, at_least])
def test_a_malformed_pattern(make: object) -> None:
    assert callable(make)
    with pytest.raises(SetupError, match="has more than one wildcard"):
        make("/**/**")
